// naparicudaconvert and GPU pictures: no copy, the same video as from system memory, metas, errors, and memory of another copy of
// the code. Also GPU pictures as GStreamer memory in themselves.
#include <cstdlib>

#include <fmt/format.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include "eglsrc_fixture.hpp"
#include "fake_gpu_frame.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

constexpr data::CanvasSize kSize{66, 50};

class ConvertMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    harness_ = gst_harness_new("naparicudaconvert");
    bus_ = gstx::Ref<GstBus>::adopt(gst_bus_new());
    gst_element_set_bus(harness_->element, bus_.get());
  }
  void TearDown() override {
    gst_bus_set_flushing(bus_.get(), TRUE);  // its messages keep the element
    gst_harness_teardown(harness_);
    EXPECT_EQ(FakeGpuFrame::alive(), 0);
  }

  void set_output(const std::string& fields) {
    gst_harness_set_sink_caps_str(harness_, fmt::format("video/x-raw,{}", fields).c_str());
  }
  void set_input(bool gpu, data::CanvasSize size) {
    gst_harness_set_src_caps_str(
        harness_, fmt::format("video/x-raw{},format=RGBA,width={},height={},framerate=60/1",
                              gpu ? "(memory:NapariGpuFrame)" : "", size.width_px, size.height_px)
                      .c_str());
  }
  static BufferRef gpu_buffer(const std::shared_ptr<FakeGpuFrame>& frame) {
    auto buffer = BufferRef::adopt(engine::make_gpu_buffer(frame));
    GST_BUFFER_PTS(buffer.get()) = 5 * GST_SECOND;
    engine::add_frame_meta(buffer.get(), {.frame_id = 42, .scene_version = 5, .settle_index = 3});
    return buffer;
  }
  BufferRef push(BufferRef buffer) {
    EXPECT_EQ(gst_harness_push(harness_, buffer.release()), GST_FLOW_OK);
    return BufferRef::adopt(gst_harness_try_pull(harness_));
  }
  [[nodiscard]] GstVideoInfo output_info() const {
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
    GstVideoInfo info;
    EXPECT_TRUE(gst_video_info_from_caps(&info, caps.get()));
    return info;
  }
  // Downstream says that it reads GstVideoMeta.
  void take_video_meta() {
    gst_harness_add_propose_allocation_meta(harness_, GST_VIDEO_META_API_TYPE, nullptr);
  }
  [[nodiscard]] std::vector<std::string> errors() {
    std::vector<std::string> texts;
    while (GstMessage* message = gst_bus_pop_filtered(bus_.get(), GST_MESSAGE_ERROR)) {
      GError* error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      texts.emplace_back(error->message);
      g_error_free(error);
      gst_message_unref(message);
    }
    return texts;
  }
  [[nodiscard]] int warnings() {
    int count = 0;
    while (GstMessage* message = gst_bus_pop_filtered(bus_.get(), GST_MESSAGE_WARNING)) {
      gst_message_unref(message);
      ++count;
    }
    return count;
  }
  [[nodiscard]] int credits_returned() {
    int count = 0;
    while (GstEvent* event = gst_harness_try_pull_upstream_event(harness_)) {
      if (engine::is_credit_event(event)) ++count;
      gst_event_unref(event);
    }
    return count;
  }

  GstHarness* harness_{nullptr};
  gstx::Ref<GstBus> bus_;
};

// The largest difference of two pictures over all planes; -1 where they cannot be compared.
int difference(const GstVideoInfo& info, GstBuffer* left, GstBuffer* right) {
  gstx::MappedFrame a(info, left, GST_MAP_READ);
  gstx::MappedFrame b(info, right, GST_MAP_READ);
  if (!a || !b) return -1;
  int worst = 0;
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
    const int bytes =
        GST_VIDEO_INFO_COMP_WIDTH(&info, plane) * GST_VIDEO_INFO_COMP_PSTRIDE(&info, plane);
    for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT(&info, plane); ++y) {
      const auto row = [&](gstx::MappedFrame& frame) {
        return static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame.frame(), plane)) +
               y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame.frame(), plane);
      };
      for (int x = 0; x < bytes; ++x) worst = std::max(worst, std::abs(row(a)[x] - row(b)[x]));
    }
  }
  return worst;
}

TEST_F(ConvertMemory, PlanesOfTheGpuAreTheOutput) {
  take_video_meta();
  set_output("format=NV12");
  set_input(true, kSize);
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const BufferRef out = push(gpu_buffer(frame));
  ASSERT_TRUE(out);
  EXPECT_EQ(frame->conversions, 1);
  EXPECT_EQ(frame->reads, 0);
  gstx::MappedFrame mapped(output_info(), out.get(), GST_MAP_READ);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(GST_VIDEO_FRAME_PLANE_DATA(&mapped.frame(), 0),
            frame->converted_to.load() + FakeGpuFrame::kFirstByte);
  EXPECT_EQ(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped.frame(), 0), 66 + 64);
}

TEST_F(ConvertMemory, MetasAndTimesSurvive) {
  take_video_meta();
  set_output("format=NV12");
  set_input(true, kSize);
  const BufferRef out = push(gpu_buffer(std::make_shared<FakeGpuFrame>(kSize)));
  ASSERT_TRUE(out);
  const data::FrameInfo* info = engine::find_frame_info(out.get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->frame_id, 42u);
  EXPECT_EQ(info->scene_version, 5u);
  EXPECT_EQ(info->settle_index, 3);
  EXPECT_EQ(GST_BUFFER_PTS(out.get()), 5 * GST_SECOND);
}

struct RoadCase {
  const char* name;
  const char* output;
  bool flip;
  data::CanvasSize size;
  bool video_meta;
};

class ConvertRoads : public ConvertMemory, public ::testing::WithParamInterface<RoadCase> {};

TEST_P(ConvertRoads, GpuPictureGivesWhatSystemMemoryGives) {
  const RoadCase& c = GetParam();
  g_object_set(harness_->element, "flip", c.flip ? TRUE : FALSE, nullptr);
  if (c.video_meta) take_video_meta();
  set_output(c.output);
  set_input(true, c.size);
  const auto frame = std::make_shared<FakeGpuFrame>(c.size);
  const BufferRef from_gpu = push(gpu_buffer(frame));
  ASSERT_TRUE(from_gpu);
  EXPECT_EQ(frame->reads, 0);
  const GstVideoInfo info = output_info();
  if (!c.video_meta) {
    EXPECT_EQ(gst_buffer_get_video_meta(from_gpu.get()), nullptr);
    EXPECT_EQ(gst_buffer_get_size(from_gpu.get()), info.size);
  }

  set_input(false, c.size);
  const auto pixels = frame->read();
  const auto bytes = static_cast<gsize>(c.size.width_px) * static_cast<gsize>(c.size.height_px) * 4;
  const BufferRef from_system = push(BufferRef::adopt(gst_buffer_new_memdup(pixels->get(), bytes)));
  ASSERT_TRUE(from_system);
  const int worst = difference(info, from_gpu.get(), from_system.get());
  EXPECT_GE(worst, 0);
  EXPECT_LE(worst, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, ConvertRoads,
    ::testing::Values(
        RoadCase{"Nv12", "format=NV12", false, {66, 50}, true},
        RoadCase{"I420Bt601Flipped", "format=I420,colorimetry=bt601", true, {66, 50}, true},
        RoadCase{"Y444OddSize", "format=Y444", false, {67, 51}, true},
        RoadCase{"Nv12ScaledUp", "format=NV12,width=128,height=96", false, {40, 30}, true},
        RoadCase{"Nv12WithoutVideoMeta", "format=NV12", false, {66, 50}, false},
        RoadCase{"I420WithoutVideoMeta", "format=I420,width=80,height=60", true, {66, 50}, false}),
    [](const auto& parameter) { return parameter.param.name; });

TEST_F(ConvertMemory, OutputCapsStayWhenTheGpuPictureShrinks) {
  take_video_meta();
  set_output("format=NV12");
  set_input(true, {128, 96});
  ASSERT_TRUE(push(gpu_buffer(std::make_shared<FakeGpuFrame>(data::CanvasSize{128, 96}))));
  set_input(true, {64, 48});
  ASSERT_TRUE(push(gpu_buffer(std::make_shared<FakeGpuFrame>(data::CanvasSize{64, 48}))));
  EXPECT_EQ(output_info().width, 128);
  // From the GPU to the CPU, as when a back end was lost: the encoder sees no difference.
  set_input(false, {64, 48});
  ASSERT_TRUE(push(BufferRef::adopt(gst_buffer_new_allocate(nullptr, 64 * 48 * 4, nullptr))));
  EXPECT_EQ(output_info().width, 128);
}

TEST_F(ConvertMemory, AGpuPicturePassesThroughUnchanged) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw(memory:NapariGpuFrame),format=RGBA");
  set_input(true, kSize);
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const BufferRef out = push(gpu_buffer(frame));
  ASSERT_TRUE(out);
  EXPECT_EQ(engine::find_gpu_frame(out.get()), frame);
  EXPECT_EQ(frame->reads + frame->conversions, 0);
}

TEST_F(ConvertMemory, AGpuThatCannotConvertLeavesItToTheCpu) {
  set_output("format=NV12");
  set_input(true, kSize);
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  frame->convert_fails = gstx::Error{gstx::ErrorCode::unsupported, "no compute shaders"};
  ASSERT_TRUE(push(gpu_buffer(frame)));
  EXPECT_GE(frame->reads, 1);
  EXPECT_TRUE(errors().empty());
}

TEST_F(ConvertMemory, ALostPictureIsLeftOutAndItsCreditGoesBack) {
  set_output("format=NV12");
  set_input(true, kSize);
  const auto lost = std::make_shared<FakeGpuFrame>(kSize);
  lost->convert_fails = gstx::Error{gstx::ErrorCode::internal, "the context was lost"};
  EXPECT_FALSE(push(gpu_buffer(lost)));
  EXPECT_FALSE(push(gpu_buffer(lost)));
  EXPECT_EQ(credits_returned(), 2);
  EXPECT_EQ(warnings(), 1);
  EXPECT_TRUE(push(gpu_buffer(std::make_shared<FakeGpuFrame>(kSize))));
  EXPECT_EQ(credits_returned(), 0);
  EXPECT_TRUE(errors().empty());
}

TEST_F(ConvertMemory, AFailedConversionIsOneErrorOnTheBus) {
  set_output("format=NV12");
  set_input(true, kSize);
  const auto broken = std::make_shared<FakeGpuFrame>(kSize);
  broken->convert_fails = gstx::Error{gstx::ErrorCode::invalid_argument, "not with these planes"};
  EXPECT_EQ(gst_harness_push(harness_, gpu_buffer(broken).release()), GST_FLOW_ERROR);
  EXPECT_EQ(errors(), (std::vector<std::string>{"not with these planes"}));
}

TEST_F(ConvertMemory, CudaMemoryIsRefusedWithTheReason) {
  const auto cuda = engine::load_cuda();
  if (cuda) GTEST_SKIP() << "this machine has CUDA";
  gst_harness_set_sink_caps_str(harness_, "video/x-raw(memory:CUDAMemory),format=NV12");
  gst_harness_set_src_caps_str(
      harness_, "video/x-raw(memory:CUDAMemory),format=RGBA,width=66,height=50,framerate=60/1");
  auto buffer = BufferRef::adopt(gst_buffer_new_allocate(nullptr, gsize{66} * 50 * 4, nullptr));
  EXPECT_EQ(gst_harness_push(harness_, buffer.release()), GST_FLOW_NOT_NEGOTIATED);
  const auto told = errors();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "memory:CUDAMemory cannot be converted: " + cuda.error().message);
}

TEST_F(ConvertMemory, HundredStartsWithAPictureOfTheGpuHeld) {
  take_video_meta();
  BufferRef held;
  for (int cycle = 0; cycle < 100; ++cycle) {
    set_output("format=NV12");
    set_input(true, kSize);
    held = push(gpu_buffer(std::make_shared<FakeGpuFrame>(kSize)));
    ASSERT_TRUE(held) << "cycle " << cycle;
    gst_element_set_state(harness_->element, GST_STATE_NULL);
    gst_harness_play(harness_);
    gst_harness_push_event(harness_, gst_event_new_stream_start("again"));
  }
  EXPECT_TRUE(gstx::MappedBuffer(held.get(), GST_MAP_READ));
}

// --- memory ---

GType foreign_allocator_type() {
  static const GType type = g_type_register_static_simple(
      GST_TYPE_ALLOCATOR, "ForeignGpuFrameAllocator", sizeof(GstAllocatorClass), nullptr,
      sizeof(GstAllocator), nullptr, GTypeFlags{});
  return type;
}

// As the other copy of the code would make it: the same name, another layout.
TEST_F(ConvertMemory, MemoryOfAnotherCopyIsPlainMemory) {
  auto allocator = gstx::Ref<GstAllocator>::adopt(
      static_cast<GstAllocator*>(g_object_new(foreign_allocator_type(), nullptr)));
  gst_object_ref_sink(allocator.get());
  const auto ours =
      gstx::Ref<GstMemory>::adopt(engine::make_gpu_memory(std::make_shared<FakeGpuFrame>(kSize)));
  allocator->mem_type = ours->allocator->mem_type;
  const gsize bytes = gsize{66} * 50 * 4;
  std::vector<std::uint8_t> pixels(bytes, 90);
  struct Foreign {
    GstMemory base;
    std::uint8_t* pixels;
  };
  static std::uint8_t* foreign_pixels = nullptr;
  foreign_pixels = pixels.data();
  allocator->mem_map = [](GstMemory*, gsize, GstMapFlags) noexcept -> gpointer {
    return foreign_pixels;
  };
  allocator->mem_unmap = [](GstMemory*) noexcept {};
  GST_ALLOCATOR_GET_CLASS(allocator.get())->free = [](GstAllocator*, GstMemory* memory) noexcept {
    delete reinterpret_cast<Foreign*>(memory);
  };
  auto* foreign = new Foreign{};
  gst_memory_init(&foreign->base, GST_MEMORY_FLAG_READONLY, allocator.get(), nullptr, bytes, 0, 0,
                  bytes);
  auto buffer = BufferRef::adopt(gst_buffer_new());
  gst_buffer_append_memory(buffer.get(), &foreign->base);
  EXPECT_EQ(engine::find_gpu_frame(buffer.get()), nullptr);

  set_output("format=NV12");
  set_input(true, kSize);
  const BufferRef out = push(std::move(buffer));
  ASSERT_TRUE(out);
  gstx::MappedFrame mapped(output_info(), out.get(), GST_MAP_READ);
  ASSERT_TRUE(mapped);
  // Grey 90 of 255 is 16 + 219 * 90 / 255 = 93.3.
  EXPECT_EQ(static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped.frame(), 0))[0], 93);
}

TEST(GpuMemory, MapsForReadingAlone) {
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const auto memory = gstx::Ref<GstMemory>::adopt(engine::make_gpu_memory(frame));
  GstMapInfo map;
  EXPECT_FALSE(gst_memory_map(memory.get(), &map, GST_MAP_WRITE));
  EXPECT_FALSE(gst_memory_map(memory.get(), &map, GST_MAP_READWRITE));
  EXPECT_EQ(frame->reads, 0);
  ASSERT_TRUE(gst_memory_map(memory.get(), &map, GST_MAP_READ));
  EXPECT_EQ(map.size, gsize{66} * 50 * 4);
  gst_memory_unmap(memory.get(), &map);
}

TEST(GpuMemory, ABufferThatIsWrittenToBecomesPixels) {
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const auto buffer = BufferRef::adopt(engine::make_gpu_buffer(frame));
  {
    const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_WRITE);
    ASSERT_TRUE(mapped);
    mapped.bytes()[0] = static_cast<guint8>(~frame->read()->get()[0]);
  }
  EXPECT_EQ(engine::find_gpu_frame(buffer.get()), nullptr);
  const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_READ);
  EXPECT_NE(mapped.bytes()[0], frame->read()->get()[0]);
  EXPECT_EQ(mapped.bytes()[1], frame->read()->get()[1]);
}

TEST(GpuMemory, APartIsNotAFrameButMapsWhereItLies) {
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const auto buffer = BufferRef::adopt(engine::make_gpu_buffer(frame));
  const auto part = BufferRef::adopt(
      gst_buffer_copy_region(buffer.get(), GST_BUFFER_COPY_MEMORY, 66 * 4, 66 * 4));
  ASSERT_TRUE(part);
  EXPECT_EQ(engine::find_gpu_frame(part.get()), nullptr);
  const gstx::MappedBuffer mapped(part.get(), GST_MAP_READ);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped.bytes().data(), frame->read()->get() + gsize{66} * 4);
}

TEST(GpuMemory, ACopyIsPixelsAndAShallowOneTheFrame) {
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  const auto buffer = BufferRef::adopt(engine::make_gpu_buffer(frame));
  const auto shallow = BufferRef::adopt(gst_buffer_copy(buffer.get()));
  EXPECT_EQ(engine::find_gpu_frame(shallow.get()), frame);
  const auto deep = BufferRef::adopt(gst_buffer_copy_deep(buffer.get()));
  EXPECT_EQ(engine::find_gpu_frame(deep.get()), nullptr);
  EXPECT_EQ(gst_buffer_memcmp(deep.get(), 0, frame->read()->get(), gsize{66} * 50 * 4), 0);
}

TEST(GpuMemory, AFrameThatCannotBeReadDoesNotMap) {
  const auto frame = std::make_shared<FakeGpuFrame>(kSize);
  frame->read_fails = gstx::Error{gstx::ErrorCode::internal, "lost"};
  const auto buffer = BufferRef::adopt(engine::make_gpu_buffer(frame));
  const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_READ);
  EXPECT_FALSE(mapped);
}

}  // namespace
}  // namespace napari::elements
