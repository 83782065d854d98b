#include "engine/rebuilding_drawer.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/renderer.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr data::CanvasSize kSize{8, 4};

// A machine with one GPU whose back ends fail as told. Back ends and frames are counted while they live.
struct Machine {
  std::deque<gstx::Error> draw_errors;   // of the draws to come, then none
  std::deque<gstx::Error> make_errors;   // of the back ends to come
  std::deque<gstx::Error> frame_errors;  // of the frames to come
  std::atomic<bool> frames_readable{true};
  gstx::Error frame_error{ErrorCode::internal, "GPU context lost"};
  std::atomic<bool> refuses_to_die{false};
  std::stop_source* stop_in_draw{nullptr};
  int made{0};
  std::atomic<int> alive{0};
  int drawn{0};  // by the GPU
  int cpus_made{0};
  std::vector<bool> skipping;
  std::int64_t now_ns{1000 * kSecondNs};
  std::vector<std::string> warnings;
  std::function<void()> better;  // of the newest back end
  bool cuda_refuses{false};
};

template <typename T>
std::optional<T> take_front(std::deque<T>& queue) {
  if (queue.empty()) return std::nullopt;
  T front = std::move(queue.front());
  queue.pop_front();
  return front;
}

class FakeFrame final : public GpuFrame {
 public:
  FakeFrame(Machine& machine, int back_end) : back_end_(back_end), machine_(machine) {}
  [[nodiscard]] data::CanvasSize size() const override { return kSize; }
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read() override {
    GSTX_TRY(usable());
    return std::make_shared<const std::uint8_t>(static_cast<std::uint8_t>(back_end_));
  }
  [[nodiscard]] gstx::Result<void> write(std::span<const std::uint8_t>, std::size_t, int,
                                         int) override {
    return usable();
  }
  [[nodiscard]] gstx::Result<MappedVideo> convert(VideoLayout, data::CanvasSize,
                                                  const ConvertOptions&) override {
    GSTX_TRY(usable());
    return MappedVideo{};
  }
  [[nodiscard]] int cuda_ordinal() const override { return -1; }
  [[nodiscard]] gstx::Result<void> copy_to(const CudaRows&) override {
    if (machine_.cuda_refuses) return gstx::fail(ErrorCode::unsupported, "not this context");
    return usable();
  }
  [[nodiscard]] int back_end() const { return back_end_; }

 private:
  [[nodiscard]] gstx::Result<void> usable() const {
    if (machine_.frames_readable) return {};
    return gstx::fail(machine_.frame_error);
  }
  const int back_end_;
  Machine& machine_;
};

class FakeGpu final : public Drawer {
 public:
  explicit FakeGpu(Machine& machine) : machine_(machine), number_(++machine.made) {
    ++machine_.alive;
  }
  ~FakeGpu() override {
    while (machine_.refuses_to_die) std::this_thread::yield();
    --machine_.alive;
  }
  [[nodiscard]] std::string name() const override { return "gpu " + std::to_string(number_); }
  [[nodiscard]] bool draws_on_gpu() const override { return true; }
  [[nodiscard]] gstx::Result<GpuFramePtr> make_frame(data::CanvasSize) override {
    if (const auto error = take_front(machine_.frame_errors)) return gstx::fail(*error);
    return std::make_shared<FakeFrame>(machine_, number_);
  }
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan&, const DrawTarget& target,
                                        std::stop_token) override {
    if (const auto* gpu = std::get_if<GpuTarget>(&target)) {
      const auto frame = std::dynamic_pointer_cast<FakeFrame>(gpu->frame);
      EXPECT_EQ(frame != nullptr ? frame->back_end() : 0, number_);
    }
    if (machine_.stop_in_draw != nullptr) machine_.stop_in_draw->request_stop();
    if (const auto error = take_front(machine_.draw_errors)) return gstx::fail(*error);
    ++machine_.drawn;
    return {};
  }
  void set_skipping(bool enabled) override { machine_.skipping.push_back(enabled); }
  void listen_better(const std::function<void()>& better) override { machine_.better = better; }

 private:
  Machine& machine_;
  const int number_;
};

class FakeCpu final : public Drawer {
 public:
  [[nodiscard]] std::string name() const override { return "cpu"; }
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan&, const DrawTarget& target,
                                        std::stop_token) override {
    std::ranges::fill(std::get<CpuTarget>(target).rgba, std::uint8_t{99});
    return {};
  }
  void set_skipping(bool) override {}
};

struct RebuildingDrawerTest : testing::Test {
  Machine machine;
  data::RenderPlanPtr plan = [] {
    auto made = std::make_shared<data::RenderPlan>();
    made->canvas = kSize;
    return made;
  }();

  std::unique_ptr<RebuildingDrawer> make(bool with_cpu) {
    RebuildingDrawer::Params params;
    params.make_gpu = [this]() -> gstx::Result<std::unique_ptr<Drawer>> {
      if (const auto error = take_front(machine.make_errors)) return gstx::fail(*error);
      return std::make_unique<FakeGpu>(machine);
    };
    if (with_cpu)
      params.make_cpu = [this]() -> gstx::Result<std::unique_ptr<Drawer>> {
        ++machine.cpus_made;
        return std::make_unique<FakeCpu>();
      };
    params.on_warning = [this](const std::string& text) { machine.warnings.push_back(text); };
    params.now_ns = [this] { return machine.now_ns; };
    params.limits.backoff_ns = 1000;
    params.limits.burial_ns = 20'000'000;
    return std::make_unique<RebuildingDrawer>(std::make_unique<FakeGpu>(machine),
                                              std::move(params));
  }
  gstx::Result<void> draw_to_cpu(Drawer& drawer, std::stop_token stop = {}) {
    std::vector<std::uint8_t> rgba(128);
    return drawer.draw(*plan, CpuTarget{rgba, 32, kSize}, std::move(stop));
  }
  // What the renderer does for a picture.
  static PicturePtr show(Renderer& renderer, const data::RenderPlanPtr& plan) {
    renderer.submit(plan);
    const auto picture = renderer.picture();
    if (!picture) ADD_FAILURE() << picture.error().message;
    return picture.value_or(nullptr);
  }
};

TEST_F(RebuildingDrawerTest, APictureIsDrawnByTheBackEndThatFollowsALostOne) {
  Renderer renderer(make(true), {});
  const PicturePtr before = show(renderer, plan);
  machine.draw_errors = {{ErrorCode::internal, "GPU context lost"}};
  const PicturePtr after = show(renderer, plan);
  ASSERT_NE(after, nullptr);
  ASSERT_NE(after->frame, nullptr);
  EXPECT_EQ(**after->frame->read(), 2);
  EXPECT_EQ(**before->frame->read(), 1) << "a frame of the dead back end outlives it";
  EXPECT_EQ(machine.alive, 1);
  EXPECT_EQ(renderer.drawer_name(), "gpu 2");
  EXPECT_THAT(machine.warnings, ElementsAre(AllOf(HasSubstr("GPU context lost"),
                                                  HasSubstr("rebuilt (1 of 3 within 60 s)"))));
}

TEST_F(RebuildingDrawerTest, ABetterPictureIsDrawnOfAMovingPlanWhoeverTheBackEnd) {
  auto moving = std::make_shared<data::RenderPlan>(*plan);
  moving->still = false;
  auto still = std::make_shared<data::RenderPlan>(*plan);
  still->still = true;
  {
    Renderer renderer(make(true), {});
    ASSERT_TRUE(machine.better);
    machine.better();
    EXPECT_EQ(renderer.damage(), 0U) << "there is no plan yet";
    machine.draw_errors = {{ErrorCode::internal, "GPU context lost"}};
    const PicturePtr before = show(renderer, moving);
    EXPECT_EQ(machine.made, 2);
    int wakes = 0;
    const std::uint64_t listener = renderer.listen([&] { ++wakes; });
    machine.better();
    EXPECT_EQ(wakes, 1);
    EXPECT_NE(*renderer.picture(), before);
    const PicturePtr exact = show(renderer, still);
    machine.better();
    EXPECT_EQ(*renderer.picture(), exact) << "a still picture is never of something else";
    renderer.unlisten(listener);
  }
  EXPECT_FALSE(machine.better) << "nobody listens any more";
}

TEST_F(RebuildingDrawerTest, APictureInCpuMemoryIsDrawnAgainInPlace) {
  const auto drawer = make(false);
  machine.draw_errors = {{ErrorCode::internal, "fence hung"}, {ErrorCode::internal, "again"}};
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_EQ(machine.made, 3);
  EXPECT_EQ(machine.drawn, 1);
  EXPECT_EQ(machine.warnings.size(), 2U);
}

TEST_F(RebuildingDrawerTest, RebuildsRunOutAndTheCpuGoesOn) {
  Renderer renderer(make(true), {});
  for (int i = 0; i < 4; ++i) machine.draw_errors.push_back({ErrorCode::internal, "lost"});
  const PicturePtr picture = show(renderer, plan);
  ASSERT_NE(picture, nullptr);
  EXPECT_EQ(picture->frame, nullptr);
  ASSERT_NE(picture->rgba, nullptr);
  EXPECT_EQ(*picture->rgba, 99);
  EXPECT_FALSE(renderer.draws_on_gpu());
  EXPECT_EQ(renderer.drawer_name(), "cpu");
  EXPECT_EQ(machine.alive, 0) << "its memory is given back";
  ASSERT_EQ(machine.warnings.size(), 4U);
  EXPECT_THAT(machine.warnings.back(), HasSubstr("drawing goes on with cpu for 60 s"));
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
}

TEST_F(RebuildingDrawerTest, WithoutACpuTheErrorIsTheAnswerUntilTheWindowIsOver) {
  const auto drawer = make(false);
  for (int i = 0; i < 4; ++i) machine.draw_errors.push_back({ErrorCode::internal, "lost"});
  const auto failed = draw_to_cpu(*drawer);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, ErrorCode::internal);
  EXPECT_THAT(failed.error().message, HasSubstr("rebuilt 3 times within 60 s: lost"));
  EXPECT_EQ(machine.made, 4);
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value()) << "the fourth back end was made, and works";
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  EXPECT_FALSE(draw_to_cpu(*drawer).has_value());
  machine.now_ns += 61 * kSecondNs;
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
}

TEST_F(RebuildingDrawerTest, ABackEndThatCannotBeMadeIsTriedAgain) {
  const auto drawer = make(false);
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  machine.make_errors = {{ErrorCode::unsupported, "no device"}, {ErrorCode::internal, "busy"}};
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_EQ(machine.warnings.size(), 3U);
  machine.now_ns += 61 * kSecondNs;
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  for (int i = 0; i < 3; ++i) machine.make_errors.push_back({ErrorCode::internal, "gone"});
  EXPECT_FALSE(draw_to_cpu(*drawer).has_value());
  EXPECT_FALSE(draw_to_cpu(*drawer).has_value()) << "there is none, and no crash";
  machine.now_ns += 61 * kSecondNs;
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
}

TEST_F(RebuildingDrawerTest, ShortMemoryIsTriedOnceMoreAndThenDrawnOnTheCpu) {
  Renderer renderer(make(true), {});
  machine.draw_errors = {{ErrorCode::unavailable, "GL error 0x505"}};
  EXPECT_NE(show(renderer, plan)->frame, nullptr);
  EXPECT_EQ(machine.made, 2);
  EXPECT_THAT(machine.warnings, ElementsAre(HasSubstr("out of memory: GL error 0x505")));
  machine.draw_errors = {{ErrorCode::unavailable, "first"}, {ErrorCode::unavailable, "second"}};
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
  EXPECT_EQ(machine.made, 3);
  EXPECT_EQ(machine.alive, 0);
  EXPECT_THAT(machine.warnings.back(), HasSubstr("still out of memory: second"));
}

TEST_F(RebuildingDrawerTest, AStoppedDrawIsNoShortage) {
  const auto drawer = make(true);
  std::stop_source stop;
  machine.stop_in_draw = &stop;
  machine.draw_errors = {{ErrorCode::unavailable, "drawing was stopped"}};
  const auto stopped = draw_to_cpu(*drawer, stop.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::unavailable);
  EXPECT_EQ(machine.made, 1);
  EXPECT_TRUE(machine.warnings.empty());
}

TEST_F(RebuildingDrawerTest, FramesInOthersHandsAreWaitedForAndAShortageThatLastsIsNot) {
  Renderer renderer(make(true), {});
  machine.frame_errors.assign(3, {ErrorCode::unavailable, "4 frames are in use"});
  renderer.submit(plan);
  const auto none = renderer.picture();
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::unavailable) << "the source asks again";
  machine.now_ns += kSecondNs / 2;
  EXPECT_FALSE(renderer.picture().has_value());
  EXPECT_TRUE(machine.warnings.empty());
  machine.now_ns += kSecondNs;
  const auto picture = renderer.picture();
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ(machine.made, 2) << "made anew, with frames of its own";
}

TEST_F(RebuildingDrawerTest, WhatTheGpuCanNeverDrawIsDrawnOnTheCpu) {
  Renderer renderer(make(true), {});
  machine.draw_errors = {{ErrorCode::unsupported, "a volume exceeds the largest texture"}};
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
  EXPECT_EQ(machine.made, 1) << "another back end would refuse it too";
  const auto alone = make(false);
  machine.draw_errors = {{ErrorCode::unsupported, "too large"}};
  const auto refused = draw_to_cpu(*alone);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

TEST_F(RebuildingDrawerTest, AWrongPlanIsNobodysFault) {
  const auto drawer = make(true);
  machine.draw_errors = {{ErrorCode::invalid_argument, "no layers"}};
  const auto refused = draw_to_cpu(*drawer);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(machine.made, 1);
  EXPECT_TRUE(drawer->draws_on_gpu());
}

TEST_F(RebuildingDrawerTest, TheGpuIsTriedAgainAfterARestThatDoubles) {
  Renderer renderer(make(true), {});
  machine.draw_errors = {{ErrorCode::unsupported, "too large"}};
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
  machine.now_ns += 59 * kSecondNs;
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
  machine.now_ns += kSecondNs;
  machine.make_errors = {{ErrorCode::unsupported, "driver gone"}};
  EXPECT_EQ(show(renderer, plan)->frame, nullptr);
  EXPECT_THAT(machine.warnings.back(),
              HasSubstr("driver gone: drawing goes on with cpu for 120 s"));
  machine.now_ns += 120 * kSecondNs;
  EXPECT_NE(show(renderer, plan), nullptr);
  EXPECT_TRUE(renderer.draws_on_gpu());
  EXPECT_NE(show(renderer, plan)->frame, nullptr);
  EXPECT_EQ(machine.warnings.back(), "drawing is back on gpu 2");
}

TEST_F(RebuildingDrawerTest, AFrameThatCannotBeReadIsDrawnAgainByANewBackEnd) {
  Renderer renderer(make(true), {});
  int wakes = 0;
  const auto id = renderer.listen([&] { ++wakes; });
  const PicturePtr lost = show(renderer, plan);
  EXPECT_EQ(wakes, 1);
  machine.frames_readable = false;
  EXPECT_FALSE(pixels_of(*lost).has_value());
  EXPECT_EQ(wakes, 2) << "whoever shows it draws again";
  machine.frames_readable = true;
  const auto redrawn = renderer.picture();
  ASSERT_TRUE(redrawn.has_value());
  EXPECT_NE(*redrawn, lost);
  EXPECT_EQ(**(*redrawn)->frame->read(), 2);
  EXPECT_THAT(machine.warnings, ElementsAre(HasSubstr("a frame was lost: GPU context lost")));
  // What an old frame says later is no fault of the new back end.
  machine.frames_readable = false;
  EXPECT_FALSE(lost->frame->read().has_value());
  machine.frames_readable = true;
  EXPECT_TRUE(renderer.picture().has_value());
  EXPECT_EQ(machine.made, 2);
  renderer.unlisten(id);
}

TEST_F(RebuildingDrawerTest, FramesWithoutMemoryToConvertIntoAreDrawnAgainUntilItTakesTooLong) {
  Renderer renderer(make(true), {});
  int wakes = 0;
  const auto id = renderer.listen([&] { ++wakes; });
  machine.frames_readable = false;
  machine.frame_error = {ErrorCode::unavailable, "12 buffers are in use"};
  EXPECT_FALSE(show(renderer, plan)->frame->convert(VideoLayout::nv12, kSize, {}).has_value());
  EXPECT_EQ(wakes, 2);
  machine.now_ns += 9 * kSecondNs;
  EXPECT_FALSE((*renderer.picture())->frame->convert(VideoLayout::nv12, kSize, {}).has_value());
  EXPECT_EQ(wakes, 3);
  EXPECT_EQ((*renderer.picture())->frame->size(), kSize);
  EXPECT_EQ(machine.made, 1);
  machine.now_ns += 2 * kSecondNs;
  EXPECT_FALSE((*renderer.picture())->frame->convert(VideoLayout::nv12, kSize, {}).has_value());
  ASSERT_TRUE(renderer.picture().has_value());
  EXPECT_EQ(machine.made, 2);
  EXPECT_THAT(machine.warnings, ElementsAre(HasSubstr("12 buffers are in use")));
  renderer.unlisten(id);
}

TEST_F(RebuildingDrawerTest, AFrameThatCudaCannotCopyIsNotLost) {
  const auto drawer = make(true);
  const auto frame = drawer->make_frame(kSize);
  machine.cuda_refuses = true;
  const auto copied = (*frame)->copy_to({});
  ASSERT_FALSE(copied.has_value());
  EXPECT_EQ(copied.error().code, ErrorCode::unsupported) << "the next kind of memory is tried";
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_EQ(machine.made, 1);
}

TEST_F(RebuildingDrawerTest, AFrameThatIsGoneWhenCudaWantsItIsLost) {
  const auto drawer = make(true);
  const auto frame = drawer->make_frame(kSize);
  machine.frames_readable = false;
  const auto copied = (*frame)->copy_to({});
  ASSERT_FALSE(copied.has_value());
  EXPECT_EQ(copied.error().code, ErrorCode::internal) << "CUDA itself is as good as before";
  machine.frames_readable = true;
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_EQ(machine.made, 2);
}

TEST_F(RebuildingDrawerTest, ABarcodeThatCannotBeWrittenIsALostFrameToo) {
  plan = [] {
    auto made = std::make_shared<data::RenderPlan>();
    made->canvas = {640, 480};
    return made;
  }();
  Renderer renderer(make(true), {.frame_id_barcode = true, .on_drawn = {}});
  machine.frames_readable = false;
  const PicturePtr picture = show(renderer, plan);
  ASSERT_NE(picture, nullptr);
  EXPECT_EQ(picture->frame, nullptr) << "three back ends later the CPU draws";
  EXPECT_EQ(machine.made, 4);
}

TEST_F(RebuildingDrawerTest, AFrameMayOutliveTheDrawer) {
  GpuFramePtr frame;
  {
    const auto drawer = make(true);
    frame = *drawer->make_frame(kSize);
  }
  EXPECT_EQ(machine.alive, 0);
  machine.frames_readable = false;
  EXPECT_FALSE(frame->read().has_value());
  EXPECT_FALSE(frame->convert(VideoLayout::nv12, kSize, {}).has_value());
}

TEST_F(RebuildingDrawerTest, ABackEndThatNeverLetsGoIsLeftBehindOnce) {
  const auto drawer = make(true);
  machine.refuses_to_die = true;
  machine.draw_errors = {{ErrorCode::internal, "hung"}};
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_FALSE(drawer->draws_on_gpu());
  EXPECT_EQ(machine.made, 1) << "nothing new beside it";
  machine.now_ns += 61 * kSecondNs;
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_THAT(machine.warnings.back(), HasSubstr("still holds the GPU"));
  machine.refuses_to_die = false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(8);
  while (!drawer->draws_on_gpu() && std::chrono::steady_clock::now() < deadline) {
    machine.now_ns += 121 * kSecondNs;
    EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
    std::this_thread::yield();
  }
  EXPECT_TRUE(drawer->draws_on_gpu());
}

TEST_F(RebuildingDrawerTest, AStopEndsThePauseBeforeARebuild) {
  RebuildingDrawer::Params params;
  params.make_gpu = [this]() -> gstx::Result<std::unique_ptr<Drawer>> {
    return std::make_unique<FakeGpu>(machine);
  };
  params.limits.backoff_ns = 3600 * kSecondNs;
  RebuildingDrawer drawer(std::make_unique<FakeGpu>(machine), std::move(params));
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  EXPECT_TRUE(draw_to_cpu(drawer).has_value()) << "the first is made at once";
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto stopped = draw_to_cpu(drawer, stop.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(machine.made, 2);
}

TEST_F(RebuildingDrawerTest, AForeignFrameIsRefused) {
  const auto drawer = make(true);
  const auto other = make(true);
  const auto frame = other->make_frame(kSize);
  ASSERT_TRUE(frame.has_value());
  const auto refused = drawer->draw(*plan, GpuTarget{*frame}, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
}

TEST_F(RebuildingDrawerTest, SkippingIsPassedToWhatFollows) {
  const auto drawer = make(true);
  drawer->set_skipping(false);
  machine.draw_errors = {{ErrorCode::internal, "lost"}};
  EXPECT_TRUE(draw_to_cpu(*drawer).has_value());
  EXPECT_THAT(machine.skipping, ElementsAre(true, false, false));
}

}  // namespace
}  // namespace napari::engine
