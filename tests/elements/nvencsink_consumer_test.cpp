// Consumers of naparinvencsink: EOS, joins, failures that stay their own, and the way down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/patience.hpp"
#include "nvencsink_rig.hpp"

namespace napari::elements::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPlain = "fakesink name=end";

void expect_eos_with(int consumers) {
  Rig rig;
  std::vector<std::unique_ptr<Consumer>> attached;
  rig.play();
  for (int i = 0; i < consumers; ++i)
    attached.push_back(std::make_unique<Consumer>(rig.pipeline(), rig.sink(), kPlain));
  ASSERT_TRUE(rig.encode(5));
  for (const auto& consumer : attached)
    EXPECT_TRUE(wait_until([&] { return consumer->count() >= 5; }));
  rig.end();
  EXPECT_TRUE(rig.wait_for_eos());
  EXPECT_EQ(rig.units(), 5U);
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  rig.stop();
}

TEST(NvencSink, EosAlone) {
  Rig rig;
  rig.play();
  rig.end();  // before any frame, so before any encoder
  EXPECT_TRUE(rig.wait_for_eos());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
}

TEST(NvencSink, EosWith0Consumers) { expect_eos_with(0); }
TEST(NvencSink, EosWith1Consumer) { expect_eos_with(1); }
TEST(NvencSink, EosWith2Consumers) { expect_eos_with(2); }

TEST(NvencSink, JoinWhileStillGetsIdrWithin100ms) {
  Rig rig;
  rig.play();
  ASSERT_TRUE(rig.encode(10));
  std::vector<double> waits_ms;
  for (int join = 0; join < 9; ++join) {
    const std::size_t before = rig.keyframes();
    Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
    ASSERT_TRUE(wait_until([&] { return consumer.count() >= 1; }));
    EXPECT_TRUE(consumer.unit(0).keyframe);
    EXPECT_EQ(consumer.unit(0).info.frame_id, rig.last_frame()) << "the last picture again";
    EXPECT_EQ(rig.keyframes(), before + 1) << "a join costs one IDR";
    waits_ms.push_back(static_cast<double>(consumer.first_us() - consumer.linked_us()) / 1000);
  }
  std::sort(waits_ms.begin(), waits_ms.end());
  RecordProperty("join_ms_p50", std::to_string(waits_ms[4]));
  EXPECT_LE(waits_ms[4], 100.0 * fakes::patience()) << "median of 9 joins";
}

TEST(NvencSink, SimultaneousJoinsShareAnIdr) {
  Rig rig({.answer_repaint = false});
  rig.play();
  ASSERT_TRUE(rig.encode(3));
  std::vector<std::unique_ptr<Consumer>> joined;
  for (int i = 0; i < 5; ++i)
    joined.push_back(std::make_unique<Consumer>(rig.pipeline(), rig.sink(), kPlain));
  EXPECT_GE(rig.repaints(), 1);
  ASSERT_TRUE(rig.encode(3));
  EXPECT_EQ(rig.keyframes(), 2U) << "the first frame and one for all five";
  for (const auto& consumer : joined) {
    ASSERT_TRUE(wait_until([&] { return consumer->count() >= 3; }));
    EXPECT_TRUE(consumer->unit(0).keyframe);
  }
}

TEST(NvencSink, ConsumerForcesAKeyUnitWhileStill) {
  Rig rig;
  rig.play();
  Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(4));
  ASSERT_TRUE(wait_until([&] { return consumer.count() >= 4; }));
  const std::size_t before = rig.keyframes();
  gst_pad_push_event(consumer.input().get(),
                     gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 1));
  EXPECT_TRUE(wait_until([&] { return rig.keyframes() == before + 1; }));
}

TEST(NvencSink, ConsumerThatErrorsLeavesOthersFlowing) {
  Rig rig;
  rig.play();
  Consumer good(rig.pipeline(), rig.sink(), kPlain);
  Consumer bad(rig.pipeline(), rig.sink(), "identity error-after=3 ! fakesink name=end");
  ASSERT_TRUE(rig.encode(60));
  EXPECT_TRUE(wait_until([&] { return good.count() >= 60; }));
  EXPECT_LT(bad.count(), 4U);
  const auto warnings = rig.take_messages(GST_MESSAGE_WARNING);
  EXPECT_THAT(warnings, Contains(HasSubstr("src_1"))) << "names the pad";
}

TEST(NvencSink, ConsumerThatFillsDiskLeavesOthersFlowing) {
  Rig rig;
  rig.play();
  Consumer good(rig.pipeline(), rig.sink(), kPlain);
  Consumer full(rig.pipeline(), rig.sink(),
                "filesink location=/dev/full buffer-mode=unbuffered async=false sync=false");
  ASSERT_TRUE(rig.encode(60));
  EXPECT_TRUE(wait_until([&] { return good.count() >= 60; }));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), Contains(HasSubstr("src_1")));
  for (const std::string& error : rig.take_messages(GST_MESSAGE_ERROR))
    EXPECT_THAT(error, HasSubstr("filesink")) << "the file sink's own, and nobody else's";
}

TEST(NvencSink, ConsumerThatUnlinksLeavesOthersFlowing) {
  Rig rig;
  rig.play();
  Consumer good(rig.pipeline(), rig.sink(), kPlain);
  Consumer leaves(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(10));
  ASSERT_TRUE(wait_until([&] { return leaves.count() >= 10; }));
  leaves.unlink();
  ASSERT_TRUE(rig.encode(30));
  EXPECT_TRUE(wait_until([&] { return good.count() >= 40; }));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), Contains(HasSubstr("src_1")));
  const std::size_t seen = leaves.count();
  leaves.link();
  ASSERT_TRUE(wait_until([&] { return leaves.count() > seen; }));
  EXPECT_TRUE(leaves.unit(seen).keyframe) << "linked anew, it resumes at an IDR";
}

TEST(NvencSink, ConsumerThatBlocksLeavesOthersFlowing) {
  Rig rig;
  rig.play();
  Consumer good(rig.pipeline(), rig.sink(), kPlain);
  Consumer stuck(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(5));
  ASSERT_TRUE(wait_until([&] { return stuck.count() >= 5; }));
  const auto input = stuck.input();
  const gulong probe = gst_pad_add_probe(
      input.get(),
      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER),
      [](GstPad*, GstPadProbeInfo*, gpointer) noexcept { return GST_PAD_PROBE_OK; }, nullptr,
      nullptr);
  ASSERT_TRUE(rig.encode(150));
  EXPECT_TRUE(wait_until([&] { return good.count() >= 155; }));
  EXPECT_EQ(stuck.count(), 5U);
  const auto warnings = rig.take_messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1U) << "one warning, not one a frame";
  EXPECT_THAT(warnings[0], HasSubstr("src_1"));

  gst_pad_remove_probe(input.get(), probe);
  ASSERT_TRUE(rig.encode(3));
  // What it held, then nothing that refers to what was dropped: the first frame after the gap is an IDR.
  std::size_t index = 6;
  ASSERT_TRUE(wait_until([&] { return stuck.count() > index; }));
  EXPECT_TRUE(stuck.unit(index).keyframe);
  EXPECT_GT(stuck.unit(index).info.frame_id, 100U);
}

TEST(NvencSink, ReleasedPadLeaves) {
  Rig rig;
  rig.play();
  auto first = std::make_unique<Consumer>(rig.pipeline(), rig.sink(), kPlain);
  Consumer second(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(5));
  EXPECT_EQ(GST_ELEMENT(rig.sink())->numsrcpads, 2);
  first.reset();
  EXPECT_EQ(GST_ELEMENT(rig.sink())->numsrcpads, 1);
  const std::size_t before = second.count();
  ASSERT_TRUE(rig.encode(5));
  EXPECT_TRUE(wait_until([&] { return second.count() >= before + 5; }));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), IsEmpty());
}

TEST(NvencSink, NullWhileBlocked) {
  Rig rig;
  rig.play();
  Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(2));
  const auto input = consumer.input();
  gst_pad_add_probe(
      input.get(), GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo*, gpointer) noexcept { return GST_PAD_PROBE_OK; }, nullptr,
      nullptr);
  const auto encoder = rig.find("x264enc");
  const auto encoder_pad =
      gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(encoder.get(), "sink"));
  gint blocked = 0;
  gst_pad_add_probe(
      encoder_pad.get(), GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
        g_atomic_int_set(static_cast<gint*>(data), 1);
        return GST_PAD_PROBE_OK;
      },
      &blocked, nullptr);
  rig.push_frames(4);  // one in the encoder, one in the queue, the source blocked on the third
  ASSERT_TRUE(wait_until([&] { return g_atomic_int_get(&blocked) != 0; }));
  const std::int64_t begin = g_get_monotonic_time();
  rig.stop();
  EXPECT_LT(g_get_monotonic_time() - begin, 1'000'000);
}

TEST(NvencSink, StartStop100CyclesWithConsumerHoldingABuffer) {
  gstx::Ref<GstBuffer> held;
  for (int cycle = 0; cycle < 100; ++cycle) {
    Rig rig({.size = {64, 64}});
    rig.play();
    Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
    gstx::Ref<GstBuffer> newest;
    const auto input = consumer.input();
    gst_pad_add_probe(
        input.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo* info, gpointer data) noexcept {
          *static_cast<gstx::Ref<GstBuffer>*>(data) =
              gstx::Ref<GstBuffer>::retain(GST_PAD_PROBE_INFO_BUFFER(info));
          return GST_PAD_PROBE_OK;
        },
        &newest, nullptr);
    ASSERT_TRUE(rig.encode(2)) << "cycle " << cycle;
    ASSERT_TRUE(wait_until([&] { return consumer.count() >= 2; })) << "cycle " << cycle;
    rig.stop();
    held = newest;  // lives on into the next cycle
    ASSERT_TRUE(held);
    ASSERT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  }
  EXPECT_GT(to_unit(held.get()).bytes.size(), 4U);
}

TEST(NvencSink, RestartsAfterNull) {
  Rig rig;
  for (int round = 0; round < 3; ++round) {
    rig.play();
    const std::size_t before = rig.units();
    ASSERT_TRUE(rig.encode(3));
    EXPECT_TRUE(rig.unit(before).keyframe);
    rig.stop();
  }
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
}

}  // namespace
}  // namespace napari::elements::testing
