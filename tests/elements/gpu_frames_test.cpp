// Pictures that a GPU drew in CUDA memory: copied there and not read back, whoever fails on the way; a stand-in on the device, and
// the GL back end itself. Needs an NVIDIA GPU; skips with the reason elsewhere.
#include <cstring>

#include "fake_delegate.hpp"
#include "fake_gpu_frame.hpp"
#include "gl_scene.hpp"
#include "gpu_elements_fixture.hpp"

namespace napari::elements {
namespace {

// --- pictures on the device ---

// Its pixels reach CUDA device 0 by a copy of each row; counted, and failing when told to.
class FrameOnDevice final : public FakeGpuFrame {
 public:
  using FakeGpuFrame::FakeGpuFrame;
  [[nodiscard]] int cuda_ordinal() const override { return 0; }
  [[nodiscard]] gstx::Result<void> copy_to(const engine::CudaRows& rows) override {
    ++copies;
    if (copy_fails) return gstx::fail(*copy_fails);
    // By name: neither cuda.h nor libcuda is there in every build of this test.
    void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    const auto copy = reinterpret_cast<int (*)(std::uint64_t, const void*, std::size_t)>(
        dlsym(driver, "cuMemcpyHtoD_v2"));
    const auto push =
        reinterpret_cast<gboolean (*)(void*)>(dlsym(RTLD_DEFAULT, "gst_cuda_context_push"));
    const auto pop =
        reinterpret_cast<gboolean (*)(void**)>(dlsym(RTLD_DEFAULT, "gst_cuda_context_pop"));
    const auto row_bytes = static_cast<std::size_t>(size().width_px) * 4;
    int status = push(rows.context) != FALSE ? 0 : -1;
    for (std::size_t y = 0; status == 0 && y < static_cast<std::size_t>(size().height_px); ++y)
      status = copy(rows.pointer + y * rows.stride_bytes, pixels() + y * row_bytes, row_bytes);
    pop(nullptr);
    if (status == 0) return {};
    return gstx::fail(gstx::ErrorCode::invalid_argument, fmt::format("CUDA error {}", status));
  }

  std::atomic<int> copies{0};
  std::optional<gstx::Error> copy_fails;
};

class GpuElementsFrames : public GpuElements {
 protected:
  void SetUp() override {
    GpuElements::SetUp();
    delegate_->draw_on_gpu([this](data::CanvasSize size) {
      auto frame = std::make_shared<FrameOnDevice>(size);
      frame->copy_fails = std::exchange(next_copy_fails_, std::nullopt);
      last_ = frame;
      return frame;
    });
  }
  static constexpr data::CanvasSize kSize{334, 222};
  std::shared_ptr<FakeDelegate> delegate_ = std::make_shared<FakeDelegate>();
  std::shared_ptr<FrameOnDevice> last_;
  std::optional<gstx::Error> next_copy_fails_;
  const std::string line_ =
      std::string(
          "naparieglsrc name=src ! video/x-raw(ANY),framerate=60/1 ! "
          "naparicudaconvert name=convert ! video/x-raw(ANY),format=RGBA ! cudadownload") +
      kOut;

  [[nodiscard]] engine::MemoryKind kind(const Road& road) const {
    const auto pad =
        gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element("convert"), "sink"));
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad.get()));
    return engine::memory_kind_of(caps.get());
  }
};

TEST_F(GpuElementsFrames, AFrameOnTheDeviceIsCopiedThereAndNotReadBack) {
  Road road(line_, delegate_);
  delegate_->show(kSize);
  road.play();
  RoadPicture picture;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(road.next(picture));
    EXPECT_EQ(kind(road), engine::MemoryKind::cuda);
    EXPECT_EQ(last_->reads, 0);
    EXPECT_EQ(last_->copies, 1);
    ASSERT_EQ(picture.planes.size(), std::size_t{334} * 222 * 4);
    EXPECT_EQ(std::memcmp(picture.planes.data(), last_->pixels(), picture.planes.size()), 0);
    delegate_->show(kSize);
  }
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

TEST_F(GpuElementsFrames, ADeviceThatCannotBeCopiedToLeavesTheNextKind) {
  next_copy_fails_ = gstx::Error{gstx::ErrorCode::unsupported, "GL and CUDA do not share memory"};
  Road road(
      "naparieglsrc name=src ! video/x-raw(ANY),framerate=60/1 ! naparicudaconvert "
      "name=convert ! video/x-raw(ANY),format=NV12 ! cudadownload" +
          std::string(kOut),
      delegate_);
  delegate_->show(kSize);
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  EXPECT_EQ(picture.frame_id, 1u);  // the same picture, not the next one
  EXPECT_EQ(kind(road), engine::MemoryKind::gpu_frame);
  EXPECT_EQ(road.warnings(), (std::vector<std::string>{"GL and CUDA do not share memory"}));
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

TEST_F(GpuElementsFrames, ALostFrameIsLeftOut) {
  next_copy_fails_ = gstx::Error{gstx::ErrorCode::internal, "the context was lost"};
  Road road(line_, delegate_);
  delegate_->show(kSize);
  road.play();
  ASSERT_TRUE(napari::fakes::wait_until([&] { return delegate_->draws() == 1; }));
  delegate_->show(kSize);
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  EXPECT_EQ(picture.frame_id, 2u);
  EXPECT_EQ(kind(road), engine::MemoryKind::cuda);
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

TEST_F(GpuElementsFrames, TheCpuTakesOverInCudaMemory) {
  Road road("naparieglsrc name=src ! " + cuda_caps("framerate=60/1") + " ! cudadownload" + kOut,
            delegate_);
  delegate_->show(kSize);
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  delegate_->draw_on_gpu(nullptr);
  delegate_->show(kSize);
  ASSERT_TRUE(road.next(picture));
  EXPECT_EQ(picture.frame_id, 2u);
  EXPECT_EQ(picture.planes.front(), 0);
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

// --- drawn on the GPU ---

class GpuElementsDrawn : public GpuElements {
 protected:
  void SetUp() override {
    GpuElements::SetUp();
    if (IsSkipped()) return;
    auto renderer = make_gl_renderer(true);
    if (!renderer) GTEST_SKIP() << renderer.error().message;
    renderer_ = *renderer;
    renderer_->submit(noise_plan(kCanvas));
    const auto picture = renderer_->picture();
    ASSERT_TRUE(picture) << picture.error().message;
    if ((*picture)->frame == nullptr || (*picture)->frame->cuda_ordinal() < 0)
      GTEST_SKIP() << renderer_->drawer_name() << " is not on a CUDA device";
  }
  [[nodiscard]] std::vector<RoadPicture> through(const std::string& line) {
    Road road(line, renderer_);
    auto pictures = road.all();
    EXPECT_EQ(road.errors(), std::vector<std::string>{}) << line;
    EXPECT_EQ(road.warnings(), std::vector<std::string>{}) << line;
    return pictures;
  }

  static constexpr data::CanvasSize kCanvas{640, 360};
  std::shared_ptr<engine::Renderer> renderer_;
};

TEST_F(GpuElementsDrawn, CudaMemoryHoldsThePictureItself) {
  const std::string source = "naparieglsrc name=src num-buffers=3 ! ";
  const auto cuda = through(source + cuda_caps("framerate=60/1") + " ! cudadownload" + kOut);
  const auto system = through(source + "video/x-raw,framerate=60/1" + kOut);
  ASSERT_EQ(cuda.size(), 3u);
  ASSERT_EQ(system.size(), 3u);
  EXPECT_EQ(difference(cuda.back(), system.back()), 0);
  EXPECT_EQ(cuda.back().frame_id, system.back().frame_id);
}

TEST_F(GpuElementsDrawn, EveryRoadGivesTheSameVideo) {
  const auto line = [](const std::string& drawn, const std::string& video, const char* after) {
    return "naparieglsrc name=src num-buffers=3 ! " + drawn + " ! naparicudaconvert ! " + video +
           after + kOut;
  };
  const auto system = through(line("video/x-raw,framerate=60/1", "video/x-raw,format=NV12", ""));
  const auto gl = through(
      line("video/x-raw(memory:NapariGpuFrame),framerate=60/1", "video/x-raw,format=NV12", ""));
  const auto cuda =
      through(line(cuda_caps("framerate=60/1"), cuda_caps("format=NV12"), " ! cudadownload"));
  ASSERT_EQ(system.size(), 3u);
  ASSERT_EQ(gl.size(), 3u);
  ASSERT_EQ(cuda.size(), 3u);
  for (const auto* road : {&gl, &cuda}) {
    const int worst = difference(road->back(), system.back());
    EXPECT_GE(worst, 0);
    EXPECT_LE(worst, 1);
  }
}

TEST_F(GpuElementsDrawn, CudaComesFirst) {
  Road road(std::string("naparieglsrc name=src num-buffers=2 ! ") +
                "video/x-raw(ANY),framerate=60/1 ! naparicudaconvert name=convert ! "
                "video/x-raw(ANY),format=NV12 ! cudadownload" +
                kOut,
            renderer_);
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  const auto pad =
      gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element("convert"), "sink"));
  const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad.get()));
  EXPECT_EQ(engine::memory_kind_of(caps.get()), engine::MemoryKind::cuda);
}

TEST_F(GpuElementsDrawn, HundredStartsWithAPictureHeld) {
  Road road("naparieglsrc name=src ! " + cuda_caps("framerate=60/1") + " ! naparicudaconvert ! " +
                cuda_caps("format=NV12") +
                " ! cudadownload ! appsink name=out sync=false max-buffers=2",
            renderer_);
  gstx::Ref<GstSample> held;
  std::size_t free_early = 0;
  for (int cycle = 0; cycle < 100; ++cycle) {
    road.play();
    held = road.next_sample();
    ASSERT_TRUE(held) << "cycle " << cycle;
    road.stop();
    if (cycle == 9) free_early = free_vram_bytes();
  }
  constexpr std::size_t kSlackBytes = std::size_t{64} << 20u;
  EXPECT_GT(free_vram_bytes() + kSlackBytes, free_early);
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

}  // namespace
}  // namespace napari::elements
