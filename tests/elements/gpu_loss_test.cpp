// A GL back end that fails under a playing pipeline: pictures go on, from the next back end or from the CPU, and nobody posts an
// error. The failures are planted in front of a real GL drawer; runs on any EGL device, Mesa's llvmpipe included.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/gl/gl_drawer.hpp"
#include "engine/rebuilding_drawer.hpp"
#include "engine/simd/simd_drawer.hpp"
#include "gl_scene.hpp"
#include "road_rig.hpp"

namespace napari::elements {
namespace {

using engine::Drawer;
using gstx::ErrorCode;

constexpr data::CanvasSize kCanvas{192, 108};

struct Plan {  // what fails next
  std::mutex mutex;
  std::vector<ErrorCode> draws;
  std::atomic<bool> frames_lost{false};

  std::optional<ErrorCode> take() {
    const std::lock_guard lock(mutex);
    if (draws.empty()) return std::nullopt;
    const ErrorCode code = draws.back();
    draws.pop_back();
    return code;
  }
  void fail_draws(std::vector<ErrorCode> codes) {
    const std::lock_guard lock(mutex);
    draws = std::move(codes);
  }
};

class LosableFrame final : public engine::GpuFrame {
 public:
  LosableFrame(engine::GpuFramePtr frame, const Plan& plan)
      : frame_(std::move(frame)), plan_(plan) {}
  [[nodiscard]] const engine::GpuFramePtr& frame() const { return frame_; }
  [[nodiscard]] data::CanvasSize size() const override { return frame_->size(); }
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read() override {
    GSTX_TRY(there());
    return frame_->read();
  }
  [[nodiscard]] gstx::Result<void> write(std::span<const std::uint8_t> rgba,
                                         std::size_t stride_bytes, int width_px,
                                         int rows) override {
    GSTX_TRY(there());
    return frame_->write(rgba, stride_bytes, width_px, rows);
  }
  [[nodiscard]] gstx::Result<engine::MappedVideo> convert(
      engine::VideoLayout layout, data::CanvasSize size,
      const engine::ConvertOptions& options) override {
    GSTX_TRY(there());
    return frame_->convert(layout, size, options);
  }
  [[nodiscard]] int cuda_ordinal() const override { return -1; }
  [[nodiscard]] gstx::Result<void> copy_to(const engine::CudaRows& rows) override {
    return frame_->copy_to(rows);
  }

 private:
  [[nodiscard]] gstx::Result<void> there() const {
    if (!plan_.frames_lost) return {};
    return gstx::fail(ErrorCode::internal, "the GPU lost its context, as planned");
  }
  const engine::GpuFramePtr frame_;
  const Plan& plan_;
};

class FailingGl final : public Drawer {
 public:
  FailingGl(std::unique_ptr<Drawer> gl, Plan& plan) : gl_(std::move(gl)), plan_(plan) {}
  // Frames that were made before are lost, not those of the next.
  ~FailingGl() override { plan_.frames_lost = false; }
  [[nodiscard]] std::string name() const override { return gl_->name(); }
  [[nodiscard]] bool draws_on_gpu() const override { return true; }
  [[nodiscard]] gstx::Result<engine::GpuFramePtr> make_frame(data::CanvasSize size) override {
    GSTX_ASSIGN_OR_RETURN(engine::GpuFramePtr frame, gl_->make_frame(size));
    return std::make_shared<LosableFrame>(std::move(frame), plan_);
  }
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan,
                                        const engine::DrawTarget& target,
                                        std::stop_token stop) override {
    if (const auto code = plan_.take()) return gstx::fail(*code, "as planned");
    const auto* gpu = std::get_if<engine::GpuTarget>(&target);
    if (gpu == nullptr) return gl_->draw(plan, target, stop);
    return gl_->draw(
        plan, engine::GpuTarget{std::dynamic_pointer_cast<LosableFrame>(gpu->frame)->frame()},
        stop);
  }
  void set_skipping(bool enabled) override { gl_->set_skipping(enabled); }

 private:
  std::unique_ptr<Drawer> gl_;
  Plan& plan_;
};

class GpuLoss : public ::testing::Test {
 protected:
  void SetUp() override {
    auto gl = make_gl();
    if (!gl) GTEST_SKIP() << gl.error().message;
    engine::RebuildingDrawer::Params params;
    params.make_gpu = [this] { return make_gl(); };
    params.make_cpu = []() -> gstx::Result<std::unique_ptr<Drawer>> {
      return engine::make_simd_drawer(1);
    };
    params.on_warning = [this](const std::string&) { ++warnings_; };
    params.now_ns = [this] { return now_ns_.load(); };
    params.limits.backoff_ns = 1000;
    renderer_ = std::make_shared<engine::Renderer>(
        std::make_unique<engine::RebuildingDrawer>(std::move(*gl), std::move(params)),
        engine::Renderer::Params{});
  }
  gstx::Result<std::unique_ptr<Drawer>> make_gl() {
    GSTX_ASSIGN_OR_RETURN(std::unique_ptr<Drawer> gl, engine::make_gl_drawer(0));
    return std::make_unique<FailingGl>(std::move(gl), plan_);
  }
  void submit() { renderer_->submit(noise_plan(kCanvas, ++version_)); }
  // The picture of a new plan; repeats of the last one are passed over.
  [[nodiscard]] bool arrives(Road& road, RoadPicture& picture) {
    const std::uint64_t before = std::exchange(last_frame_id_, 0);
    submit();
    while (road.next(picture)) {
      last_frame_id_ = picture.frame_id;
      if (picture.frame_id > before) return true;
    }
    return false;
  }

  Plan plan_;
  std::atomic<std::int64_t> now_ns_{1'000'000'000'000};
  std::atomic<int> warnings_{0};
  std::uint64_t version_{0};
  std::uint64_t last_frame_id_{0};
  std::shared_ptr<engine::Renderer> renderer_;
};

constexpr const char* kLine =
    "naparieglsrc name=src settle-frames=0 ! video/x-raw(ANY),format=RGBA,framerate=120/1 ! "
    "naparicudaconvert "
    "! video/x-raw,format=NV12 ! appsink name=out sync=false max-buffers=4";

TEST_F(GpuLoss, PicturesGoOnFromTheNextBackEndAndFromTheCpuAndBack) {
  Road road(kLine, renderer_);
  submit();
  road.play();
  RoadPicture first;
  ASSERT_TRUE(road.next(first));
  last_frame_id_ = first.frame_id;
  RoadPicture picture;
  plan_.fail_draws({ErrorCode::internal});
  ASSERT_TRUE(arrives(road, picture));
  EXPECT_EQ(difference(picture, first), 0) << "the next GL back end";
  EXPECT_TRUE(renderer_->draws_on_gpu());
  plan_.fail_draws({ErrorCode::unavailable, ErrorCode::unavailable});
  ASSERT_TRUE(arrives(road, picture));
  EXPECT_FALSE(renderer_->draws_on_gpu());
  EXPECT_LE(difference(picture, first), 1) << "the CPU, in system memory";
  EXPECT_GE(difference(picture, first), 0);
  ASSERT_TRUE(arrives(road, picture));
  now_ns_ += 61'000'000'000;
  ASSERT_TRUE(arrives(road, picture));
  ASSERT_TRUE(arrives(road, picture));
  EXPECT_TRUE(renderer_->draws_on_gpu());
  EXPECT_EQ(difference(picture, first), 0) << "the GPU again";
  EXPECT_TRUE(road.errors().empty());
  EXPECT_GE(warnings_, 4);
}

TEST_F(GpuLoss, AFrameThatIsLostOnItsWayIsDrawnAgainThoughTheSceneIsStill) {
  Road road(kLine, renderer_);
  submit();
  road.play();
  RoadPicture first;
  ASSERT_TRUE(road.next(first));
  plan_.frames_lost = true;
  submit();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture)) << "nobody submits anything more";
  EXPECT_EQ(difference(picture, first), 0);
  EXPECT_GE(warnings_, 1);
  EXPECT_TRUE(road.errors().empty());
}

TEST_F(GpuLoss, TheEncodedStreamGoesOn) {
  Road road(
      "naparieglsrc name=src settle-frames=0 ! video/x-raw(ANY),format=RGBA,framerate=120/1 ! "
      "naparicudaconvert "
      "! video/x-raw(ANY),format=NV12 ! naparinvencsink name=sink encoder=x264 bitrate=2000000",
      renderer_);
  std::atomic<int> units{0};
  const auto count = +[](GstElement*, GstSample*, std::atomic<int>* total) noexcept { ++*total; };
  g_signal_connect(road.element("sink"), "access-unit", G_CALLBACK(count), &units);
  submit();
  road.play();
  const auto more = [&] {
    const int before = units;
    submit();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (units == before && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return units > before;
  };
  ASSERT_TRUE(more());
  for (int round = 0; round < 3; ++round) {
    plan_.fail_draws({ErrorCode::internal});
    EXPECT_TRUE(more()) << "lost, round " << round;
    plan_.frames_lost = true;
    EXPECT_TRUE(more()) << "a lost frame, round " << round;
    plan_.fail_draws({ErrorCode::unavailable, ErrorCode::unavailable});
    EXPECT_TRUE(more()) << "out of memory, round " << round;
    EXPECT_TRUE(more());
    now_ns_ += 600'000'000'000;
    EXPECT_TRUE(more()) << "back, round " << round;
    EXPECT_TRUE(more());
    EXPECT_TRUE(renderer_->draws_on_gpu());
  }
  EXPECT_TRUE(road.errors().empty());
}

}  // namespace
}  // namespace napari::elements
