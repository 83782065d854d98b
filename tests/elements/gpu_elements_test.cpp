// The CUDA road through our elements and GStreamer's own, against the road through system memory. Needs an NVIDIA GPU; skips with
// the reason elsewhere.
#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fake_delegate.hpp"
#include "fake_gpu_frame.hpp"
#include "fakes/wait_until.hpp"
#include "gl_scene.hpp"
#include "road_rig.hpp"

namespace napari::elements {
namespace {

constexpr const char* kOut = " ! appsink name=out sync=false";

std::string cuda_caps(const std::string& fields) {
  return "video/x-raw(memory:CUDAMemory)," + fields;
}

bool has_element(const char* factory) {
  const auto found = gstx::Ref<GstElementFactory>::adopt(gst_element_factory_find(factory));
  return static_cast<bool>(found);
}

// Free memory of device 0, of all processes; 0 where the driver does not tell.
std::size_t free_vram_bytes() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto retain =
      reinterpret_cast<int (*)(void**, int)>(dlsym(driver, "cuDevicePrimaryCtxRetain"));
  const auto push = reinterpret_cast<int (*)(void*)>(dlsym(driver, "cuCtxPushCurrent_v2"));
  const auto pop = reinterpret_cast<int (*)(void**)>(dlsym(driver, "cuCtxPopCurrent_v2"));
  const auto get_info =
      reinterpret_cast<int (*)(std::size_t*, std::size_t*)>(dlsym(driver, "cuMemGetInfo_v2"));
  static void* const primary = [&] {
    void* context = nullptr;
    return retain(&context, 0) == 0 ? context : nullptr;
  }();
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  if (primary == nullptr || push(primary) != 0) return 0;
  get_info(&free_bytes, &total_bytes);
  void* popped = nullptr;
  pop(&popped);
  return free_bytes;
}

class GpuElements : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto cuda = engine::load_cuda(); !cuda) GTEST_SKIP() << cuda.error().message;
    if (!has_element("cudaupload") || !has_element("cudadownload"))
      GTEST_SKIP() << "GStreamer's nvcodec plug-in has no cudaupload and cudadownload here";
  }

  static void expect_same(const std::string& gpu_line, const std::string& cpu_line,
                          std::size_t count) {
    Road gpu(gpu_line);
    Road cpu(cpu_line);
    const auto from_gpu = gpu.all();
    const auto from_cpu = cpu.all();
    EXPECT_EQ(gpu.errors(), std::vector<std::string>{}) << gpu_line;
    ASSERT_EQ(from_gpu.size(), count) << gpu_line;
    ASSERT_EQ(from_cpu.size(), count) << cpu_line;
    for (std::size_t i = 0; i < count; ++i) {
      const int worst = difference(from_gpu[i], from_cpu[i]);
      EXPECT_GE(worst, 0) << gpu_line << ": another form";
      EXPECT_LE(worst, 1) << gpu_line << ": picture " << i;
      EXPECT_EQ(from_gpu[i].frame_id, i + 1) << gpu_line;
    }
  }
};

struct GpuCase {
  const char* name;
  const char* size;
  const char* convert;
  const char* output;
};

class GpuElementsFormats : public GpuElements, public ::testing::WithParamInterface<GpuCase> {};

TEST_P(GpuElementsFormats, SourceConvertDownloadEqualsTheCpuRoad) {
  const GpuCase& c = GetParam();
  const std::string size = fmt::format("{},framerate=60/1", c.size);
  const std::string source = "naparieglsrc pattern=noise num-buffers=4 ! ";
  const std::string convert = fmt::format(" ! naparicudaconvert {} ! ", c.convert);
  expect_same(source + cuda_caps(size) + convert + cuda_caps(c.output) + " ! cudadownload" + kOut,
              source + "video/x-raw," + size + convert + "video/x-raw," + c.output + kOut, 4);
}

TEST_P(GpuElementsFormats, UploadConvertDownloadEqualsTheCpuRoad) {
  const GpuCase& c = GetParam();
  const std::string source = fmt::format(
      "naparieglsrc pattern=noise num-buffers=4 ! video/x-raw,{},framerate=60/1", c.size);
  const std::string convert = fmt::format(" ! naparicudaconvert {} ! ", c.convert);
  expect_same(source + " ! cudaupload" + convert + cuda_caps(c.output) + " ! cudadownload" + kOut,
              source + convert + "video/x-raw," + c.output + kOut, 4);
}

INSTANTIATE_TEST_SUITE_P(
    Gpu, GpuElementsFormats,
    ::testing::Values(
        GpuCase{"Nv12", "width=640,height=360", "", "format=NV12"},
        GpuCase{"Nv12Flipped1080p", "width=1920,height=1080", "flip=true", "format=NV12"},
        GpuCase{"I420Bt601", "width=642,height=362", "", "format=I420,colorimetry=bt601"},
        GpuCase{"Y444OddSize", "width=333,height=221", "", "format=Y444"},
        GpuCase{"Nv12ScaledUp", "width=320,height=180", "", "format=NV12,width=1280,height=720"},
        GpuCase{"Y444ScaledUpFlipped", "width=100,height=80", "flip=true",
                "format=Y444,width=333,height=221,colorimetry=bt601"}),
    [](const auto& parameter) { return parameter.param.name; });

TEST_F(GpuElements, RgbaPassesThroughInCudaMemory) {
  const std::string size = "width=640,height=360,framerate=60/1";
  expect_same("naparieglsrc pattern=noise num-buffers=4 ! " + cuda_caps(size) +
                  " ! naparicudaconvert ! " + cuda_caps("format=RGBA") + " ! cudadownload" + kOut,
              "naparieglsrc pattern=noise num-buffers=4 ! video/x-raw," + size + kOut, 4);
}

TEST_F(GpuElements, AllElementsUseOneContext) {
  Road road("naparieglsrc num-buffers=3 ! " + cuda_caps("width=320,height=180") +
            " ! naparicudaconvert name=convert ! " + cuda_caps("format=NV12") +
            " ! cudadownload name=download" + kOut);
  // The contexts of the memory before and after our converter, and what stands after it.
  struct Seen {
    std::vector<engine::CudaContextPtr> contexts;
  } seen;
  const auto watch = [&](const char* element, const char* pad) {
    const auto watched =
        gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element(element), pad));
    gst_pad_add_probe(
        watched.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo* info, gpointer data) noexcept {
          static_cast<Seen*>(data)->contexts.push_back(
              engine::cuda_context_of(GST_PAD_PROBE_INFO_BUFFER(info)));
          return GST_PAD_PROBE_OK;
        },
        &seen, nullptr);
  };
  watch("convert", "sink");
  watch("convert", "src");
  EXPECT_EQ(road.all().size(), 3u);
  ASSERT_EQ(seen.contexts.size(), 6u);
  for (const auto& context : seen.contexts) {
    ASSERT_NE(context, nullptr);
    EXPECT_EQ(context.get(), seen.contexts.front().get());
  }
  const auto from_bin = gstx::Ref<GstElement>::retain(road.element("download"));
  GstContext* shared = gst_element_get_context(from_bin.get(), "gst.cuda.context");
  ASSERT_NE(shared, nullptr);
  const GValue* value =
      gst_structure_get_value(gst_context_get_structure(shared), "gst.cuda.context");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(g_value_get_object(value), static_cast<void*>(seen.contexts.front().get()));
  gst_context_unref(shared);
}

TEST_F(GpuElements, HundredStartsWithABufferHeldAndBoundedMemory) {
  Road road("naparieglsrc ! " + cuda_caps("width=1280,height=720,framerate=60/1") +
            " ! naparicudaconvert ! " + cuda_caps("format=NV12") +
            " ! cudadownload ! appsink name=out sync=false max-buffers=2");
  gstx::Ref<GstSample> held;
  std::size_t free_early = 0;
  for (int cycle = 0; cycle < 100; ++cycle) {
    road.play();
    held = road.next_sample();
    ASSERT_TRUE(held) << "cycle " << cycle;
    road.stop();
    if (cycle == 9) free_early = free_vram_bytes();
  }
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
  const std::size_t free_late = free_vram_bytes();
  constexpr std::size_t kSlackBytes = std::size_t{64} << 20u;
  EXPECT_GT(free_late + kSlackBytes, free_early) << "90 cycles took VRAM and did not give it back";
}

TEST_F(GpuElements, CudaMemoryOutlivesThePipeline) {
  gstx::Ref<GstSample> held;
  {
    Road road("naparieglsrc num-buffers=2 ! " + cuda_caps("width=320,height=180") +
              " ! naparicudaconvert ! " + cuda_caps("format=NV12") + kOut);
    road.play();
    held = road.next_sample();
    ASSERT_TRUE(held);
  }
  GstMapInfo map;
  ASSERT_TRUE(gst_buffer_map(gst_sample_get_buffer(held.get()), &map, GST_MAP_READ));
  EXPECT_GE(map.size, gsize{320} * 180 * 3 / 2);
  gst_buffer_unmap(gst_sample_get_buffer(held.get()), &map);
}

TEST_F(GpuElements, SizeChangesWhilePlaying) {
  Road road("naparieglsrc ! capsfilter name=drawn caps=" +
            cuda_caps("width=320,height=180,framerate=120/1") + " ! naparicudaconvert ! " +
            cuda_caps("format=NV12") +
            " ! cudadownload ! appsink name=out sync=false max-buffers=4");
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  int widest = 320;
  for (int round = 0; round < 5; ++round) {
    for (const int width : {640, 320, 1280, 64, 1920}) {
      road.set_caps("drawn", cuda_caps(fmt::format("width={},height={},framerate=120/1", width,
                                                   width / 16 * 8)));
      widest = std::max(widest, width);
      // What was under way still arrives in the old size; the output never shrinks.
      int waited = 0;
      do {
        ASSERT_TRUE(road.next(picture)) << "no picture at width " << width;
      } while (picture.size.width_px != widest && ++waited < 100);
      ASSERT_EQ(picture.size.width_px, widest);
    }
  }
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

TEST_F(GpuElements, MemoryChangesWhilePlaying) {
  Road road("naparieglsrc ! capsfilter name=drawn caps=" +
            cuda_caps("width=320,height=180,framerate=120/1") +
            " ! naparicudaconvert name=convert ! video/x-raw(ANY),format=NV12 ! cudadownload ! "
            "appsink name=out sync=false max-buffers=4");
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  const auto pad =
      gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element("convert"), "sink"));
  for (int round = 0; round < 10; ++round) {
    const bool cuda = round % 2 == 1;
    const std::string fields = "width=320,height=180,framerate=120/1";
    road.set_caps("drawn", cuda ? cuda_caps(fields) : "video/x-raw," + fields);
    const auto wanted = cuda ? engine::MemoryKind::cuda : engine::MemoryKind::system;
    int waited = 0;
    engine::MemoryKind kind{};
    do {
      ASSERT_TRUE(road.next(picture)) << "round " << round;
      const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad.get()));
      kind = engine::memory_kind_of(caps.get());
    } while (kind != wanted && ++waited < 100);
    ASSERT_EQ(kind, wanted) << "round " << round;
  }
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

// Whoever holds every buffer stops the stream, not the machine: memory is bounded, and stopping does not wait for it.
TEST_F(GpuElements, BuffersAreBoundedAndStoppingDoesNotWaitForThem) {
  const std::string size = "width=64,height=48,framerate=240/1";
  for (const std::string& line :
       {"naparieglsrc ! " + cuda_caps(size), "naparieglsrc ! video/x-raw," + size +
                                                 " ! cudaupload ! naparicudaconvert ! " +
                                                 cuda_caps("format=NV12")}) {
    Road road(line + " ! identity name=count" + kOut);
    std::atomic<guint> passed{0};
    const auto pad =
        gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element("count"), "sink"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
          ++*static_cast<std::atomic<guint>*>(data);
          return GST_PAD_PROBE_OK;
        },
        &passed, nullptr);
    road.play();
    EXPECT_TRUE(napari::fakes::wait_until([&] {
      return passed == engine::CudaBuffers::kBuffersMax;
    })) << line;
    EXPECT_FALSE(napari::fakes::wait_until(
        [&] { return passed > engine::CudaBuffers::kBuffersMax; }, std::chrono::milliseconds(100)))
        << line;
    const auto start = std::chrono::steady_clock::now();
    road.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - start,
              std::chrono::seconds(3) * napari::fakes::patience());
    EXPECT_EQ(road.errors(), std::vector<std::string>{}) << line;
  }
}

TEST_F(GpuElements, ADeviceThatIsNotThereIsNamed) {
  Road road("naparieglsrc device=99 num-buffers=2 ! " + cuda_caps("width=320,height=180") +
            " ! cudadownload" + kOut);
  EXPECT_TRUE(road.all().empty());
  const auto errors = road.errors();
  ASSERT_FALSE(errors.empty());
  EXPECT_NE(errors.front().find("99"), std::string::npos) << errors.front();
}

TEST_F(GpuElements, WithoutCudaMemoryAfterAllTheNextKindIsTaken) {
  Road road(std::string("naparieglsrc device=99 num-buffers=2 ! "
                        "video/x-raw(ANY),width=320,height=180 ! naparicudaconvert ! "
                        "video/x-raw(ANY),format=NV12 ! cudadownload") +
            kOut);
  EXPECT_EQ(road.all().size(), 2u);
  EXPECT_EQ(road.errors(), std::vector<std::string>{});
}

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
