// The CUDA road through our elements and GStreamer's own, against the road through system memory. Needs an NVIDIA GPU; skips with
// the reason elsewhere.
#include "gpu_elements_fixture.hpp"

namespace napari::elements {
namespace {

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

}  // namespace
}  // namespace napari::elements
