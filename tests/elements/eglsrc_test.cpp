// naparieglsrc in the hands of a test: modes, ends, wake-ups, credits, settle frames, caps, latency.
#include "eglsrc_fixture.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

constexpr data::CanvasSize kSmall{64, 48};

TEST_F(EglSrcTest, NumBuffersEndsContinuousPattern) {
  g_object_set(element(), "num-buffers", 12, nullptr);
  play(kSmallCaps);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(pull());
  EXPECT_TRUE(eventually([&] { return got_eos(); }));
  EXPECT_EQ(pushed(), 12u);
}

TEST_F(EglSrcTest, NumBuffersEndsOnDamagePattern) {
  gst_util_set_object_arg(G_OBJECT(element()), "mode", "on-damage");
  g_object_set(element(), "num-buffers", 20, "settle-frames", 4, nullptr);
  play(kSmallCaps);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(engine::find_frame_info(pull().get())->frame_id, 1u);
  EXPECT_TRUE(eventually([&] { return got_eos(); }));
}

TEST_F(EglSrcTest, NumBuffersEndsDelegate) {
  use_delegate();
  g_object_set(element(), "num-buffers", 15, nullptr);
  delegate_->show(kSmall, true);
  play(kSmallCaps);
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(pull());
  EXPECT_TRUE(eventually([&] { return got_eos(); }));
  EXPECT_EQ(delegate_->draws(), 1);
}

TEST_F(EglSrcTest, EosWhileBlocked) {
  use_delegate();
  play(kSmallCaps);
  ASSERT_TRUE(eventually([&] { return GST_STATE(element()) == GST_STATE_PLAYING; }));
  gst_element_send_event(element(), gst_event_new_eos());
  EXPECT_TRUE(eventually([&] { return got_eos(); }));
  EXPECT_EQ(pushed(), 0u);
}

TEST_F(EglSrcTest, NullWhileBlocked) {
  use_delegate();
  play(kSmallCaps);
  const auto start = steady_clock::now();
  ASSERT_EQ(gst_element_set_state(element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  EXPECT_LT(steady_clock::now() - start, milliseconds(1000) * napari::fakes::patience());
}

TEST_F(EglSrcTest, FlushWhileBlockedGoesOn) {
  use_delegate();
  play(kSmallCaps);
  gst_element_send_event(element(), gst_event_new_flush_start());
  gst_element_send_event(element(), gst_event_new_flush_stop(TRUE));
  delegate_->show(kSmall);
  EXPECT_TRUE(pull());
}

TEST_F(EglSrcTest, DelegateDrawsOncePerDamageAndWaits) {
  use_delegate();
  play(kSmallCaps);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    delegate_->show(kSmall);
    const BufferRef buffer = pull();
    ASSERT_TRUE(buffer);
    const data::FrameInfo* info = engine::find_frame_info(buffer.get());
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->frame_id, id);
    EXPECT_EQ(info->scene_version, id + 100);
    EXPECT_EQ(info->settle_index, 0);
    EXPECT_FALSE(info->settle_last);
  }
  EXPECT_EQ(delegate_->draws(), 5);
  EXPECT_EQ(pushed(), 5u);
}

TEST_F(EglSrcTest, InterruptedDrawIsTriedAgain) {
  use_delegate();
  delegate_->fail_draws(2);
  delegate_->show(kSmall);
  play(kSmallCaps);
  ASSERT_TRUE(pull());
  EXPECT_EQ(delegate_->draws(), 1);
}

TEST_F(EglSrcTest, RepaintHandsTheLastPictureOutAgain) {
  gst_util_set_object_arg(G_OBJECT(element()), "mode", "on-damage");
  g_object_set(element(), "settle-frames", 0, nullptr);
  play(kSmallCaps);
  const BufferRef first = pull();
  EXPECT_TRUE(engine::find_frame_info(first.get())->settle_last);
  for (int i = 0; i < 3; ++i) {
    gst_harness_push_upstream_event(harness_, engine::make_repaint_event());
    const BufferRef again = pull();
    EXPECT_EQ(engine::find_frame_info(again.get())->frame_id, 1u);
    EXPECT_FALSE(engine::find_frame_info(again.get())->settle_last);
    EXPECT_GT(GST_BUFFER_PTS(again.get()), GST_BUFFER_PTS(first.get()));
    const gstx::MappedBuffer mapped(first.get(), GST_MAP_READ);
    EXPECT_EQ(gst_buffer_memcmp(again.get(), 0, mapped.bytes().data(), mapped.bytes().size()), 0);
  }
  EXPECT_EQ(pushed(), 4u);
}

TEST_F(EglSrcTest, StillPictureSettlesThenSilence) {
  use_delegate();
  play(kSmallCaps);
  delegate_->show(kSmall, true);
  for (int index = 0; index <= 8; ++index) {
    const BufferRef buffer = pull();
    const data::FrameInfo* info = engine::find_frame_info(buffer.get());
    EXPECT_EQ(info->frame_id, 1u);
    EXPECT_EQ(info->settle_index, index);
    EXPECT_EQ(info->settle_last, index == 8);
  }
  EXPECT_FALSE(eventually([&] { return pushed() > 9; }, milliseconds(200)));
}

TEST_F(EglSrcTest, DamageEndsSettling) {
  use_delegate();
  g_object_set(element(), "settle-frames", 120, nullptr);
  play(kSmallCaps);
  delegate_->show(kSmall, true);
  ASSERT_TRUE(eventually([&] { return pushed() > 2; }));
  delegate_->show(kSmall, false);
  ASSERT_TRUE(eventually([&] {
    const BufferRef buffer = pull();
    const data::FrameInfo* info = engine::find_frame_info(buffer.get());
    return info->frame_id == 2 && info->settle_index == 0;
  }));
  const guint64 after = pushed();
  EXPECT_FALSE(eventually([&] { return pushed() > after; }, milliseconds(150)));
}

TEST_F(EglSrcTest, DrawsOnlyWithACreditAndThenTheNewest) {
  use_delegate();
  grant_credits();
  play(kSmallCaps);
  delegate_->show(kSmall);
  ASSERT_TRUE(pull());
  for (int i = 0; i < 10; ++i) delegate_->show(kSmall);
  EXPECT_FALSE(eventually([&] { return pushed() > 1; }, milliseconds(150)));
  gst_harness_push_upstream_event(harness_, engine::make_credit_event());
  const BufferRef newest = pull();
  EXPECT_EQ(engine::find_frame_info(newest.get())->frame_id, 11u);
  EXPECT_EQ(delegate_->draws(), 2);
  // Two grants are one credit.
  gst_harness_push_upstream_event(harness_, engine::make_credit_event());
  gst_harness_push_upstream_event(harness_, engine::make_credit_event());
  delegate_->show(kSmall);
  ASSERT_TRUE(pull());
  delegate_->show(kSmall);
  EXPECT_FALSE(eventually([&] { return pushed() > 3; }, milliseconds(150)));
}

TEST_F(EglSrcTest, WithoutCreditsItPacesItself) {
  use_delegate();
  play(kSmallCaps);
  for (int i = 0; i < 3; ++i) {
    delegate_->show(kSmall);
    ASSERT_TRUE(pull());
  }
}

TEST_F(EglSrcTest, ContinuousKeepsTheRateAndRunningTime) {
  g_object_set(element(), "num-buffers", 40, nullptr);
  play(kSmallCaps);
  const auto start = steady_clock::now();
  GstClockTime first = GST_CLOCK_TIME_NONE;
  GstClockTime previous = GST_CLOCK_TIME_NONE;
  for (int i = 0; i < 40; ++i) {
    const BufferRef buffer = pull();
    if (i > 0) {
      EXPECT_GT(GST_BUFFER_PTS(buffer.get()), previous);
    }
    previous = GST_BUFFER_PTS(buffer.get());
    if (i == 0) first = previous;
    EXPECT_EQ(GST_BUFFER_DURATION(buffer.get()), 10 * GST_MSECOND);
  }
  // Never faster than the rate; slower only as a busy machine is.
  EXPECT_GE(steady_clock::now() - start, milliseconds(380));
  EXPECT_GE(previous - first, 370 * GST_MSECOND);
  EXPECT_LT(previous - first, 3 * GST_SECOND * napari::fakes::patience());
}

TEST_F(EglSrcTest, SmallerPicturesChangeTheCaps) {
  use_delegate();
  play(kAnySizeCaps);
  for (const data::CanvasSize size :
       {data::CanvasSize{128, 96}, data::CanvasSize{64, 48}, data::CanvasSize{128, 96}}) {
    delegate_->show(size);
    const BufferRef buffer = pull();
    EXPECT_EQ(gst_buffer_get_size(buffer.get()),
              static_cast<gsize>(size.width_px) * static_cast<gsize>(size.height_px) * 4);
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
    const GstStructure* structure = gst_caps_get_structure(caps.get(), 0);
    int width = 0;
    int rate = 0;
    int rate_denominator = 0;
    gst_structure_get_int(structure, "width", &width);
    gst_structure_get_fraction(structure, "framerate", &rate, &rate_denominator);
    EXPECT_EQ(width, size.width_px);
    EXPECT_EQ(rate, 100);
  }
}

TEST_F(EglSrcTest, DefaultsAre1080p60) {
  play("video/x-raw,format=RGBA");
  ASSERT_TRUE(pull());
  const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
  const auto expected = gstx::Ref<GstCaps>::adopt(
      gst_caps_from_string("video/x-raw,format=RGBA,width=1920,height=1080,framerate=60/1"));
  EXPECT_TRUE(gst_caps_is_subset(caps.get(), expected.get()));
}

TEST_F(EglSrcTest, LatencyIsTheMeasuredDrawTime) {
  use_delegate();
  play(kSmallCaps);
  delegate_->show(kSmall);
  ASSERT_TRUE(pull());
  EXPECT_EQ(gst_harness_query_latency(harness_), 3 * GST_MSECOND);  // what the fake says it took
}

TEST_F(EglSrcTest, HundredStartsWithABufferHeld) {
  BufferRef held;
  gst_harness_set_sink_caps_str(harness_, kSmallCaps);
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

TEST(EglSrc, WrongLocationFailsTheStateChangeAndNamesIt) {
  const auto pipeline = gstx::Ref<GstElement>::sink(
      gst_parse_launch("naparieglsrc location=/nowhere/at/all.ome.zarr ! fakesink", nullptr));
  EXPECT_EQ(gst_element_set_state(pipeline.get(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline.get()));
  int errors = 0;
  while (GstMessage* message = gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR)) {
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    EXPECT_NE(std::string(error->message).find("/nowhere/at/all.ome.zarr"), std::string::npos);
    g_error_free(error);
    gst_message_unref(message);
    ++errors;
  }
  EXPECT_EQ(errors, 1);
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

}  // namespace
}  // namespace napari::elements
