// naparinvencsink with NVENC, which the test double stands for: choice, memory, and what happens when it refuses, dies or hangs.
#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "_helpers/standin_encoder/standin_encoder.hpp"
#include "engine/encoder_probe.hpp"
#include "engine/make_engine.hpp"
#include "fakes/patience.hpp"
#include "nvencsink_rig.hpp"
#include "two_memories.hpp"

namespace napari::elements::testing {
namespace {

using standin::Release;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kPlain = "fakesink name=end";

class NvencSinkWithNvenc : public ::testing::Test {
 protected:
  void SetUp() override { use(Release::v1_22); }
  void TearDown() override {
    standin::release_held();
    EXPECT_TRUE(wait_until([] { return standin::counts().sessions_open == 0; }))
        << "a session was left open";
    standin::unregister_elements();
    standin::set_orders({});
    engine::forget_probe_results();
  }
  static void use(Release release) {
    register_two_memories();
    ASSERT_TRUE(standin::register_elements(nullptr, release));
    standin::set_orders({});
    engine::forget_probe_results();
  }
  static RigParams with_gpu_converter() { return {.encoder = "auto", .between = "two-memories"}; }
};

std::string sink_caps(const Rig& rig) {
  const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(rig.sink(), "sink"));
  const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_query_caps(pad.get(), nullptr));
  gchar* text = gst_caps_to_string(caps.get());
  const std::string result = text;
  g_free(text);
  return result;
}

void expect_one_time_line(const Rig& rig) {
  GstClockTime last = 0;
  for (std::size_t i = 0; i < rig.units(); ++i) {
    EXPECT_GE(rig.unit(i).pts, last) << "unit " << i;
    last = rig.unit(i).pts;
  }
}

TEST_F(NvencSinkWithNvenc, EveryReleasesElementIsChosenAndEncodes) {
  for (const auto& [release, expected] :
       {std::pair(Release::v1_22, "nvcudah264enc"), std::pair(Release::v1_24, "nvcudah264enc"),
        std::pair(Release::v1_26, "nvh264enc")}) {
    SCOPED_TRACE(standin::name_of(release));
    use(release);
    Rig rig({.encoder = "auto"});
    rig.play();
    Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
    ASSERT_TRUE(rig.encode(10));
    EXPECT_EQ(rig.string_property("encoder-name"), expected)
        << rig.string_property("encoder-report");
    EXPECT_THAT(rig.string_property("encoder-report"), HasSubstr("chosen"));
    EXPECT_TRUE(rig.unit(0).keyframe);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(rig.unit(i).info.frame_id, i + 1);
    EXPECT_TRUE(wait_until([&] { return consumer.count() >= 10; }));
    rig.end();
    EXPECT_TRUE(rig.wait_for_eos());
    EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
    EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), IsEmpty());
  }
}

TEST_F(NvencSinkWithNvenc, ARequestedIdrComesOutOfTheHardwareEncoder) {
  Rig rig({.encoder = "nvenc"});
  rig.play();
  ASSERT_TRUE(rig.encode(5));
  ASSERT_EQ(rig.keyframes(), 1U);
  gst_element_send_event(rig.sink(),
                         gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 1));
  EXPECT_TRUE(wait_until([&] { return rig.keyframes() == 2U; })) << "a still scene answers";
}

TEST_F(NvencSinkWithNvenc, I420IsConvertedForAnEncoderThatTakesNv12) {
  Rig rig(
      {.encoder = "nvenc", .between = "videoconvert ! capsfilter caps=video/x-raw,format=I420"});
  rig.play();
  ASSERT_TRUE(rig.encode(3));
  EXPECT_EQ(rig.string_property("encoder-name"), "nvcudah264enc");
}

TEST_F(NvencSinkWithNvenc, ARefusedSessionIsPassedOverWithTheDriversReason) {
  standin::set_orders({.refuse = true});
  Rig rig({.encoder = "auto"});
  rig.play();
  ASSERT_TRUE(rig.encode(3));
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  const std::string report = rig.string_property("encoder-report");
  EXPECT_THAT(report, HasSubstr("nvcudah264enc: Failed to open session, status: "
                                "NV_ENC_ERR_OUT_OF_MEMORY (10)"));
  EXPECT_THAT(report, HasSubstr("limit of sessions"));
  EXPECT_THAT(report, HasSubstr("nvh264enc: "));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), IsEmpty()) << "nothing has failed yet";
}

TEST_F(NvencSinkWithNvenc, ForcedNvencThatRefusesIsOneClearError) {
  standin::set_orders({.refuse = true});
  Rig rig({.encoder = "nvenc"});
  rig.play();
  rig.push_frames(1);
  std::vector<std::string> errors;
  ASSERT_TRUE(wait_until([&] {
    for (auto& error : rig.take_messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(error));
    return !errors.empty();
  }));
  EXPECT_THAT(errors.front(), HasSubstr("NV_ENC_ERR_OUT_OF_MEMORY"));
}

TEST_F(NvencSinkWithNvenc, ADriverThatCallsItsProfileBaselineIsTaken) {
  standin::set_orders({.says_baseline = true});
  Rig rig({.encoder = "auto"});
  rig.play();
  ASSERT_TRUE(rig.encode(3));
  EXPECT_EQ(rig.string_property("encoder-name"), "nvcudah264enc")
      << rig.string_property("encoder-report");
}

TEST_F(NvencSinkWithNvenc, ASmallPictureIsNotForNvenc) {
  Rig rig({.encoder = "auto", .size = {128, 64}});
  rig.play();
  ASSERT_TRUE(rig.encode(2));
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_THAT(rig.string_property("encoder-report"), HasSubstr("nvcudah264enc: does not take"));
}

TEST_F(NvencSinkWithNvenc, OfferIsTheUnionUntilTheChoiceAndTheWinnersAfterwards) {
  Rig rig(with_gpu_converter());
  EXPECT_THAT(sink_caps(rig), HasSubstr("memory:CUDAMemory"));
  EXPECT_THAT(sink_caps(rig), HasSubstr("I420"));
  rig.play();
  ASSERT_TRUE(rig.encode(3));
  EXPECT_EQ(rig.string_property("encoder-name"), "nvcudah264enc");
  EXPECT_THAT(sink_caps(rig), HasSubstr("memory:CUDAMemory"));
  EXPECT_GE(standin::counts().pictures_in_device_memory, 3);
  rig.stop();

  Rig cpu({.encoder = "x264", .between = "two-memories"});
  cpu.play();
  ASSERT_TRUE(cpu.encode(3));
  EXPECT_THAT(sink_caps(cpu), Not(HasSubstr("memory:CUDAMemory")));
}

TEST_F(NvencSinkWithNvenc, RefusedInDeviceMemoryRenegotiatesBeforeTheFirstUnit) {
  standin::set_orders({.refuse = true});
  Rig rig(with_gpu_converter());
  rig.play();
  Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(5));
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_TRUE(rig.unit(0).keyframe);
  EXPECT_TRUE(wait_until([&] { return consumer.count() >= 5; }));
  EXPECT_THAT(sink_caps(rig), Not(HasSubstr("memory:CUDAMemory")));
  rig.end();
  EXPECT_TRUE(rig.wait_for_eos());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  expect_one_time_line(rig);
}

// Dies in the middle, in device memory: upstream renegotiates to system memory, and a still scene gets its picture again.
TEST_F(NvencSinkWithNvenc, DeathInDeviceMemoryGoesOnInSystemMemory) {
  Rig rig(with_gpu_converter());
  rig.play();
  Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
  ASSERT_TRUE(rig.encode(10));
  ASSERT_EQ(rig.string_property("encoder-name"), "nvcudah264enc");
  const std::size_t before = rig.units();
  standin::set_orders({.refuse = true});  // the other NVENC element, too
  engine::forget_probe_results();
  GST_ELEMENT_ERROR(rig.find("nvcudah264enc").get(), LIBRARY, ENCODE, ("killed by the test"),
                    (nullptr));
  ASSERT_TRUE(rig.wait_for_units(before + 1)) << "the scene is still: nobody pushes";
  EXPECT_TRUE(rig.unit(before).keyframe);
  EXPECT_EQ(rig.unit(before).info.frame_id, rig.last_frame());
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_THAT(sink_caps(rig), Not(HasSubstr("memory:CUDAMemory")));
  ASSERT_TRUE(rig.encode(10));
  EXPECT_TRUE(wait_until([&] { return consumer.count() == rig.units(); }))
      << "the consumer missed nothing";
  rig.end();
  EXPECT_TRUE(rig.wait_for_eos());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  const auto warnings = rig.take_messages(GST_MESSAGE_WARNING);
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], HasSubstr("killed by the test"));
  EXPECT_THAT(warnings[0], HasSubstr("going on with x264enc"));
  expect_one_time_line(rig);
}

TEST_F(NvencSinkWithNvenc, EncoderThatDiesOnAPictureGoesOnMidMotion) {
  standin::set_orders({.die_after = 6});
  Rig rig(with_gpu_converter());
  rig.play();
  Consumer consumer(rig.pipeline(), rig.sink(), kPlain);
  // Each of the two NVENC elements gives six units; then x264 goes on.
  ASSERT_TRUE(rig.encode(30));
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_THAT(rig.string_property("encoder-report"),
              HasSubstr("nvcudah264enc: failed while playing: NV_ENC_ERR_GENERIC"));
  EXPECT_THAT(rig.string_property("encoder-report"), HasSubstr("nvh264enc: failed while playing"));
  EXPECT_GE(rig.keyframes(), 3U) << "each starts with an IDR";
  EXPECT_TRUE(wait_until([&] { return consumer.count() == rig.units(); }));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_WARNING), SizeIs(2));
  expect_one_time_line(rig);
}

TEST_F(NvencSinkWithNvenc, OneThatOpensButFailsAtItsFirstPictureIsReplaced) {
  Rig warm({.encoder = "nvenc"});  // the probe's results are known from here on
  warm.play();
  ASSERT_TRUE(warm.encode(1));
  warm.stop();
  standin::set_orders({.refuse = true});
  Rig rig({.encoder = "auto"});
  rig.play();
  ASSERT_TRUE(rig.encode(5));
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_EQ(rig.unit(0).info.frame_id, 1U) << "the picture it failed at is not lost";
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
}

TEST_F(NvencSinkWithNvenc, EncoderThatSwallowsPicturesIsReplacedInTime) {
  standin::set_orders({.stall_after = 4});
  Rig rig(with_gpu_converter());
  g_object_set(rig.sink(), "stall-timeout", 300, nullptr);
  rig.play();
  ASSERT_TRUE(rig.encode(4));
  const std::int64_t begin = g_get_monotonic_time();
  ASSERT_TRUE(rig.encode(1));
  EXPECT_LT(g_get_monotonic_time() - begin, 3'000'000 * fakes::patience());
  EXPECT_TRUE(rig.unit(4).keyframe);
  EXPECT_EQ(rig.unit(4).info.frame_id, 5U);
  EXPECT_THAT(rig.string_property("encoder-report"),
              HasSubstr("nvcudah264enc: failed while playing: it kept a picture for 300 ms"));
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
}

TEST_F(NvencSinkWithNvenc, EncoderThatHangsIsLeftBehind) {
  Rig rig({.encoder = "auto"});
  g_object_set(rig.sink(), "stall-timeout", 300, nullptr);
  rig.play();
  ASSERT_TRUE(rig.encode(4));
  standin::set_orders({.refuse = true, .hold_after = 4});
  engine::forget_probe_results();
  const std::int64_t begin = g_get_monotonic_time();
  ASSERT_TRUE(rig.encode(1));
  EXPECT_LT(g_get_monotonic_time() - begin, 5'000'000 * fakes::patience());
  EXPECT_EQ(rig.string_property("encoder-name"), "x264enc");
  EXPECT_EQ(rig.unit(4).info.frame_id, 5U) << "the picture it held is encoded by the other";
  ASSERT_TRUE(rig.encode(5));
  rig.end();
  EXPECT_TRUE(rig.wait_for_eos());
  EXPECT_THAT(rig.take_messages(GST_MESSAGE_ERROR), IsEmpty());
}

TEST_F(NvencSinkWithNvenc, StopsWhileAnEncoderHangs) {
  Rig rig({.encoder = "auto"});
  g_object_set(rig.sink(), "stall-timeout", 60'000, nullptr);
  rig.play();
  ASSERT_TRUE(rig.encode(2));
  standin::set_orders({.hold_after = 2});
  rig.push_frames(1);
  const int credits = rig.credits();
  EXPECT_FALSE(wait_until([&] { return rig.credits() > credits; }, 300)) << "it hangs";
  const std::int64_t begin = g_get_monotonic_time();
  rig.stop();
  EXPECT_LT(g_get_monotonic_time() - begin, 4'000'000 * fakes::patience());
}

TEST_F(NvencSinkWithNvenc, FlushEndsTheWaitForAPictureInside) {
  Rig rig({.encoder = "auto"});
  rig.play();
  ASSERT_TRUE(rig.encode(2));
  const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(rig.source(), "src"));
  const int before = rig.credits();
  EXPECT_TRUE(gst_pad_push_event(pad.get(), gst_event_new_flush_start()));
  EXPECT_TRUE(gst_pad_push_event(pad.get(), gst_event_new_flush_stop(FALSE)));
  EXPECT_TRUE(wait_until([&] { return rig.credits() > before; }));
}

TEST_F(NvencSinkWithNvenc, UpstreamWithDeviceMemoryAloneIsOneClearError) {
  standin::set_orders({.refuse = true});
  Rig rig({.encoder = "auto",
           .between = "two-memories ! capsfilter caps=video/x-raw(memory:CUDAMemory)"});
  rig.play();
  rig.push_frames(1);
  std::vector<std::string> errors;
  ASSERT_TRUE(wait_until([&] {
    for (auto& error : rig.take_messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(error));
    return !errors.empty();
  }));
  EXPECT_THAT(errors.front(), HasSubstr("x264enc takes pictures in system memory, and upstream has "
                                        "them in memory:CUDAMemory only"));
}

TEST_F(NvencSinkWithNvenc, UpstreamThatDoesNotRenegotiateIsBoundedAndEosPasses) {
  standin::set_orders({.refuse = true});
  {
    Rig rig({.encoder = "auto", .between = "two-memories stubborn=true"});
    rig.play();
    rig.push_frames(3);
    ASSERT_TRUE(wait_until([&] { return rig.repaints() >= 2; }));
    rig.end();
    EXPECT_TRUE(rig.wait_for_eos()) << "EOS while nothing can be encoded";
    EXPECT_EQ(rig.units(), 0U);
  }
  Rig rig({.encoder = "auto", .between = "two-memories stubborn=true"});
  rig.play();
  rig.push_frames(1);
  std::vector<std::string> errors;
  ASSERT_TRUE(wait_until([&] {
    for (auto& error : rig.take_messages(GST_MESSAGE_ERROR)) errors.push_back(std::move(error));
    return !errors.empty();
  }));
  EXPECT_THAT(errors.front(), HasSubstr("goes on sending memory:CUDAMemory"));
}

// Our own source, drawing nothing new, and our own converter have to renegotiate and to hand out the picture again.
TEST_F(NvencSinkWithNvenc, AStillSceneOfOurOwnElementsSurvivesASwap) {
  const auto up = engine::ensure_gstreamer();
  ASSERT_TRUE(up) << up.error().message;
  const auto pipeline = gstx::Ref<GstElement>::sink(gst_parse_launch(
      "naparieglsrc mode=on-damage pattern=bars ! video/x-raw,width=320,height=180,framerate=60/1 "
      "! naparicudaconvert ! two-memories ! naparinvencsink name=out",
      nullptr));
  ASSERT_TRUE(pipeline);
  const auto out =
      gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline.get()), "out"));
  std::atomic<int> units{0};
  g_signal_connect(out.get(), "access-unit",
                   G_CALLBACK(+[](GstElement*, GstSample*, gpointer counter) noexcept {
                     ++*static_cast<std::atomic<int>*>(counter);
                   }),
                   &units);
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  ASSERT_TRUE(wait_until([&] { return units >= 1; }));
  int before = -1;
  // It has settled when half a second brings nothing more.
  while (before != units) {
    before = units;
    static_cast<void>(wait_until([&] { return units > before; }, 500));
  }
  standin::set_orders({.refuse = true});
  engine::forget_probe_results();
  GstIterator* encoders =
      gst_bin_iterate_all_by_element_factory_name(GST_BIN(out.get()), "nvcudah264enc");
  GValue found = G_VALUE_INIT;
  ASSERT_EQ(gst_iterator_next(encoders, &found), GST_ITERATOR_OK);
  GST_ELEMENT_ERROR(GST_ELEMENT(g_value_get_object(&found)), LIBRARY, ENCODE,
                    ("killed by the test"), (nullptr));
  g_value_unset(&found);
  gst_iterator_free(encoders);
  EXPECT_TRUE(wait_until([&] { return units > before; })) << "the picture comes again";
  gchar* name = nullptr;
  g_object_get(out.get(), "encoder-name", &name, nullptr);
  EXPECT_STREQ(name, "x264enc");
  g_free(name);
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
}

TEST_F(NvencSinkWithNvenc, StartStop30CyclesLeaveNoSession) {
  for (int cycle = 0; cycle < 30; ++cycle) {
    Rig rig(with_gpu_converter());
    rig.play();
    ASSERT_TRUE(rig.encode(2)) << "cycle " << cycle;
    rig.stop();
    ASSERT_EQ(standin::counts().sessions_open, 0) << "cycle " << cycle;
  }
}

}  // namespace
}  // namespace napari::elements::testing
