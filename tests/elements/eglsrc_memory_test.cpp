// naparieglsrc and the kinds of memory: what it offers, in which order, that a GPU picture leaves without a copy, and what
// happens when the kind changes while playing.
#include <set>

#include "eglsrc_fixture.hpp"
#include "fake_gpu_frame.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

using engine::MemoryKind;

constexpr data::CanvasSize kSmall{64, 48};
constexpr gsize kSmallBytes = 64 * 48 * 4;
constexpr const char* kGpuCaps =
    "video/x-raw(memory:NapariGpuFrame),format=RGBA,width=64,height=48,framerate=100/1";
constexpr const char* kAnyCaps = "video/x-raw(ANY),format=RGBA,width=64,height=48,framerate=100/1";

class EglSrcMemory : public EglSrcTest {
 protected:
  void use_gpu_delegate() {
    use_delegate();
    delegate_->draw_on_gpu([this](data::CanvasSize size) {
      auto frame = std::make_shared<FakeGpuFrame>(size);
      frame->read_fails = read_fails_;
      frames_.push_back(frame);
      return frame;
    });
  }
  [[nodiscard]] std::vector<MemoryKind> offered() const {
    const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(element(), "src"));
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_query_caps(pad.get(), nullptr));
    std::vector<MemoryKind> kinds;
    for (guint i = 0; i < gst_caps_get_size(caps.get()); ++i)
      for (const MemoryKind kind : {MemoryKind::system, MemoryKind::gpu_frame, MemoryKind::cuda})
        if (engine::allows_memory(caps.get(), i, kind)) kinds.push_back(kind);
    return kinds;
  }
  [[nodiscard]] MemoryKind negotiated() const {
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
    return engine::memory_kind_of(caps.get());
  }
  // The same, but CUDA only where there is CUDA.
  [[nodiscard]] static std::vector<MemoryKind> with_cuda_here(std::vector<MemoryKind> kinds) {
    if (!engine::load_cuda()) std::erase(kinds, MemoryKind::cuda);
    return kinds;
  }
  [[nodiscard]] std::vector<std::string> messages(GstMessageType type) {
    std::vector<std::string> texts;
    while (GstMessage* message = gst_bus_pop_filtered(bus_.get(), type)) {
      GError* error = nullptr;
      if (type == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, nullptr);
      else
        gst_message_parse_warning(message, &error, nullptr);
      texts.emplace_back(error->message);
      g_error_free(error);
      gst_message_unref(message);
    }
    return texts;
  }
  void SetUp() override {
    EglSrcTest::SetUp();
    bus_ = gstx::Ref<GstBus>::adopt(gst_bus_new());
    gst_element_set_bus(element(), bus_.get());
  }
  void TearDown() override {
    gst_bus_set_flushing(bus_.get(), TRUE);  // its messages keep the element
    EglSrcTest::TearDown();
  }

  gstx::Ref<GstBus> bus_;
  std::vector<std::shared_ptr<FakeGpuFrame>> frames_;
  std::optional<gstx::Error> read_fails_;
};

TEST_F(EglSrcMemory, OffersEveryKindBeforeItStarts) {
  EXPECT_EQ(offered(), (std::vector{MemoryKind::cuda, MemoryKind::gpu_frame, MemoryKind::system}));
}

TEST_F(EglSrcMemory, PixelsAreOfferedInSystemMemoryFirst) {
  play(kSmallCaps);
  ASSERT_TRUE(pull());
  EXPECT_EQ(offered(), with_cuda_here({MemoryKind::system, MemoryKind::cuda}));
}

TEST_F(EglSrcMemory, AFrameThatDoesNotReachCudaStaysAFrame) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kAnyCaps);
  const BufferRef buffer = pull();
  ASSERT_TRUE(buffer);
  EXPECT_EQ(negotiated(), MemoryKind::gpu_frame);
  EXPECT_EQ(offered(),
            with_cuda_here({MemoryKind::gpu_frame, MemoryKind::system, MemoryKind::cuda}));
}

TEST_F(EglSrcMemory, GpuPictureLeavesUntouched) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kGpuCaps);
  const BufferRef buffer = pull();
  ASSERT_TRUE(buffer);
  EXPECT_EQ(engine::find_gpu_frame(buffer.get()), frames_.at(0));
  EXPECT_EQ(frames_.at(0)->reads, 0);
  EXPECT_EQ(gst_buffer_get_size(buffer.get()), kSmallBytes);
  const data::FrameInfo* info = engine::find_frame_info(buffer.get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->frame_id, 1u);
  EXPECT_EQ(info->scene_version, 101u);
}

TEST_F(EglSrcMemory, RepaintHandsTheSameGpuPictureOutAgain) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kGpuCaps);
  const BufferRef first = pull();
  gst_harness_push_upstream_event(harness_, engine::make_repaint_event());
  const BufferRef again = pull();
  ASSERT_TRUE(again);
  EXPECT_EQ(engine::find_gpu_frame(again.get()), frames_.at(0));
  EXPECT_GT(GST_BUFFER_PTS(again.get()), GST_BUFFER_PTS(first.get()));
  EXPECT_EQ(frames_.size(), 1u);
}

TEST_F(EglSrcMemory, MappingAGpuPictureReadsItBackOnce) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kGpuCaps);
  const BufferRef buffer = pull();
  for (int i = 0; i < 3; ++i) {
    const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_READ);
    ASSERT_TRUE(mapped);
    const auto pixels = frames_.at(0)->read();
    EXPECT_EQ(mapped.bytes().data(), pixels->get());
    EXPECT_EQ(mapped.bytes().size(), kSmallBytes);
  }
  EXPECT_EQ(frames_.at(0)->reads, 1 + 3);  // one of the memory's, three of this test's
}

TEST_F(EglSrcMemory, SystemMemoryReadsBackOnce) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kSmallCaps);
  const BufferRef buffer = pull();
  ASSERT_TRUE(buffer);
  EXPECT_EQ(negotiated(), MemoryKind::system);
  EXPECT_EQ(frames_.at(0)->reads, 1);
  const gstx::MappedBuffer mapped(buffer.get(), GST_MAP_READ);
  EXPECT_EQ(mapped.bytes().data(), frames_.at(0)->read()->get());  // not a copy either
}

TEST_F(EglSrcMemory, MemoryChangesWhilePlaying) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kGpuCaps);
  ASSERT_TRUE(pull());
  ASSERT_EQ(negotiated(), MemoryKind::gpu_frame);
  for (const char* caps : {kSmallCaps, kGpuCaps, kSmallCaps}) {
    // The source is waiting for damage: what is asked for now must hold for the very next picture.
    gst_harness_set_sink_caps_str(harness_, caps);
    delegate_->show(kSmall);
    const BufferRef buffer = pull();
    ASSERT_TRUE(buffer);
    const bool gpu = caps == kGpuCaps;
    EXPECT_EQ(negotiated(), gpu ? MemoryKind::gpu_frame : MemoryKind::system);
    EXPECT_EQ(engine::find_gpu_frame(buffer.get()) != nullptr, gpu);
  }
}

TEST_F(EglSrcMemory, TheCpuDrawsForALostGpuAndHandsBack) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  play(kAnyCaps);
  ASSERT_TRUE(pull());
  ASSERT_EQ(negotiated(), MemoryKind::gpu_frame);
  delegate_->draw_on_gpu(nullptr);
  delegate_->show(kSmall);
  const BufferRef pixels = pull();
  ASSERT_TRUE(pixels);
  EXPECT_EQ(negotiated(), MemoryKind::system);
  EXPECT_EQ(engine::find_gpu_frame(pixels.get()), nullptr);
  delegate_->draw_on_gpu(
      [](data::CanvasSize size) { return std::make_shared<FakeGpuFrame>(size); });
  delegate_->show(kSmall);
  const BufferRef frame = pull();
  ASSERT_TRUE(frame);
  EXPECT_EQ(negotiated(), MemoryKind::gpu_frame);
  EXPECT_NE(engine::find_gpu_frame(frame.get()), nullptr);
}

TEST_F(EglSrcMemory, ALostPictureIsLeftOutWithOneWarning) {
  use_gpu_delegate();
  grant_credits();
  read_fails_ = gstx::Error{gstx::ErrorCode::internal, "the context was lost"};
  delegate_->show(kSmall);
  play(kSmallCaps);
  ASSERT_TRUE(eventually([&] { return delegate_->draws() == 1; }));
  delegate_->show(kSmall);  // with the credit that the lost picture did not use up
  ASSERT_TRUE(eventually([&] { return delegate_->draws() == 2; }));
  delegate_->draw_on_gpu(nullptr);
  delegate_->show(kSmall);
  const BufferRef buffer = pull();
  ASSERT_TRUE(buffer);
  EXPECT_EQ(engine::find_frame_info(buffer.get())->frame_id, 3u);
  EXPECT_EQ(messages(GST_MESSAGE_WARNING), (std::vector<std::string>{"the context was lost"}));
  EXPECT_TRUE(messages(GST_MESSAGE_ERROR).empty());
}

TEST_F(EglSrcMemory, AnotherErrorOfAPictureEndsTheStream) {
  use_gpu_delegate();
  read_fails_ = gstx::Error{gstx::ErrorCode::unsupported, "this picture has no pixels"};
  delegate_->show(kSmall);
  play(kSmallCaps);
  std::vector<std::string> errors;
  ASSERT_TRUE(eventually([&] {
    for (std::string& text : messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(text));
    return !errors.empty();
  }));
  EXPECT_EQ(errors.front(), "this picture has no pixels");
}

TEST_F(EglSrcMemory, HundredStartsWithAGpuPictureHeld) {
  use_gpu_delegate();
  delegate_->show(kSmall);
  gst_harness_set_sink_caps_str(harness_, kGpuCaps);
  BufferRef held;
  for (int cycle = 0; cycle < 100; ++cycle) {
    gst_harness_play(harness_);
    held = pull();
    ASSERT_TRUE(held) << "cycle " << cycle;
    ASSERT_EQ(gst_element_set_state(element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    while (GstBuffer* rest = gst_harness_try_pull(harness_)) gst_buffer_unref(rest);
  }
  const gstx::MappedBuffer mapped(held.get(), GST_MAP_READ);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped.bytes()[3], 255);
}

TEST_F(EglSrcMemory, PicturesAreLetGoOf) {
  ASSERT_EQ(FakeGpuFrame::alive(), 0);
  use_gpu_delegate();
  play(kGpuCaps);
  for (int i = 0; i < 20; ++i) {
    delegate_->show(kSmall);
    ASSERT_TRUE(pull());
    frames_.clear();
  }
  // What is shown, what is drawn next, and what the harness has.
  EXPECT_TRUE(eventually([] { return FakeGpuFrame::alive() <= 3; }));
}

TEST_F(EglSrcMemory, PatternFollowsANewSizeWhilePlaying) {
  for (const char* mode : {"continuous", "on-damage"}) {
    gst_util_set_object_arg(G_OBJECT(element()), "mode", mode);
    play("video/x-raw,format=RGBA,width=64,height=48,framerate=100/1");
    ASSERT_TRUE(pull());
    gst_harness_set_sink_caps_str(harness_,
                                  "video/x-raw,format=RGBA,width=32,height=24,framerate=100/1");
    gst_harness_push_upstream_event(harness_, engine::make_repaint_event());
    EXPECT_TRUE(eventually([&] {
      const BufferRef buffer = pull();
      return gst_buffer_get_size(buffer.get()) == gsize{32} * 24 * 4;
    })) << mode;
    gst_element_set_state(element(), GST_STATE_NULL);
    while (GstBuffer* rest = gst_harness_try_pull(harness_)) gst_buffer_unref(rest);
  }
}

TEST_F(EglSrcMemory, CudaMemoryIsRefusedWithTheReason) {
  const auto cuda = engine::load_cuda();
  if (cuda) GTEST_SKIP() << "this machine has CUDA";
  play("video/x-raw(memory:CUDAMemory),format=RGBA,width=64,height=48,framerate=100/1");
  std::vector<std::string> errors;
  ASSERT_TRUE(eventually([&] {
    for (std::string& text : messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(text));
    return !errors.empty();
  }));
  EXPECT_EQ(errors.front(), "memory:CUDAMemory: " + cuda.error().message);
}

TEST_F(EglSrcMemory, GpuPicturesOfACpuAreRefusedWithTheReason) {
  play(kGpuCaps);
  std::vector<std::string> errors;
  ASSERT_TRUE(eventually([&] {
    for (std::string& text : messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(text));
    return !errors.empty();
  }));
  EXPECT_EQ(errors.front(), "memory:NapariGpuFrame: the pictures are drawn by the CPU");
}

TEST_F(EglSrcMemory, DeviceIsAnOrdinalOrAUuid) {
  const auto starts_with = [&](const char* device) {
    g_object_set(element(), "device", device, nullptr);
    const auto changed = gst_element_set_state(element(), GST_STATE_PAUSED);
    gst_element_set_state(element(), GST_STATE_NULL);
    return changed != GST_STATE_CHANGE_FAILURE;
  };
  EXPECT_TRUE(starts_with("0"));
  EXPECT_TRUE(starts_with("7"));
  EXPECT_TRUE(starts_with("GPU-1b2c3d4e-0000-1111-2222-333344445555"));
  EXPECT_FALSE(starts_with("the second one"));
  EXPECT_FALSE(starts_with("-1"));
  gchar* device = nullptr;
  g_object_set(element(), "device", nullptr, nullptr);
  g_object_get(element(), "device", &device, nullptr);
  EXPECT_STREQ(device, "0");
  g_free(device);
}

}  // namespace
}  // namespace napari::elements
