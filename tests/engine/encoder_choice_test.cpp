#include "engine/encoder_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/encoder_probe.hpp"

namespace napari::engine {
namespace {

using testing::HasSubstr;

class EncoderChoiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { gst_init(nullptr, nullptr); }
  EncoderSettings settings{
      .size = {640, 360}, .fps_numerator = 30, .bitrate_bps = 2'000'000, .threads = 2};
};

TEST_F(EncoderChoiceTest, AutoListsEveryCandidateBestFirst) {
  const auto all = candidates_for("auto");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 4U);
  EXPECT_STREQ(all->front().factory, "nvcudah264enc");
  EXPECT_STREQ(all->back().factory, "openh264enc");
  EXPECT_EQ(candidates_for("nvenc")->size(), 2U);
}

TEST_F(EncoderChoiceTest, UnknownNameIsAnErrorWithTheAllowedOnes) {
  const auto wrong = candidates_for("h265");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("'h265'"));
  EXPECT_THAT(wrong.error().message, HasSubstr("auto, nvenc, x264, openh264"));
}

TEST_F(EncoderChoiceTest, BothCpuEncodersOpen) {
  for (const char* name : {"x264", "openh264"}) {
    const auto choice = choose_encoder(*candidates_for(name), settings);
    ASSERT_TRUE(choice) << choice.error().message;
    EXPECT_STREQ(choice->candidate.choice, name);
    EXPECT_THAT(choice->report, HasSubstr("chosen"));
  }
}

TEST_F(EncoderChoiceTest, ReportNamesEveryCandidatePassedOver) {
  const std::vector<EncoderCandidate> candidates{
      {EncoderKind::openh264, "no-such-encoder", "openh264", nullptr},
      {EncoderKind::x264, "x264enc", "x264", nullptr}};
  const auto choice = choose_encoder(candidates, settings);
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->report, HasSubstr("no-such-encoder: not installed"));
  EXPECT_STREQ(choice->candidate.factory, "x264enc");
  const auto none = choose_encoder({candidates.front()}, settings);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no-such-encoder"));
}

TEST_F(EncoderChoiceTest, AnEncoderThatCannotTakeTheSizeIsPassedOver) {
  settings.size = {8192, 8192};  // beyond openh264's limit
  const auto opened = probe_encoder(encoder_candidates().back(), settings);
  ASSERT_FALSE(opened);
  EXPECT_FALSE(opened.error().message.empty());
}

std::string x264_property(const EncoderSettings& settings, const char* name) {
  const auto encoder = make_encoder(candidates_for("x264")->front(), settings);
  if (!encoder) return encoder.error().message;
  GValue value = G_VALUE_INIT;
  g_value_init(&value,
               g_object_class_find_property(G_OBJECT_GET_CLASS(encoder->get()), name)->value_type);
  g_object_get_property(G_OBJECT(encoder->get()), name, &value);
  gchar* text = gst_value_serialize(&value);
  const std::string result = text;
  g_free(text);
  g_value_unset(&value);
  return result;
}

TEST_F(EncoderChoiceTest, ThreadsAreWhatTheProcessMayUse) {
  settings.threads = 0;
  setenv("SLURM_CPUS_PER_TASK", "1", 1);
  EXPECT_EQ(x264_property(settings, "threads"), "1") << "not the machine's";
  unsetenv("SLURM_CPUS_PER_TASK");
  settings.threads = 3;
  EXPECT_EQ(x264_property(settings, "threads"), "3") << "unless they are given";
}

// What was measured on 16 cores, see configure_x264.
TEST_F(EncoderChoiceTest, PresetFollowsTheThreads) {
  settings.size = {1920, 1080};
  settings.fps_numerator = 60;
  for (const auto& [threads, preset] :
       {std::pair(16, "veryfast"), std::pair(8, "superfast"), std::pair(4, "ultrafast")}) {
    settings.threads = threads;
    EXPECT_EQ(x264_property(settings, "speed-preset"), preset) << threads;
  }
}

TEST_F(EncoderChoiceTest, BitratesFollowSizeAndLevel) {
  settings.size = {1920, 1080};
  settings.fps_numerator = 60;
  settings.bitrate_bps = 12'000'000;
  EXPECT_GT(settle_bitrate_bps(EncoderKind::x264, settings), 90'000'000);
  EXPECT_EQ(settle_bitrate_bps(EncoderKind::openh264, settings), 50'000'000);
  settings.max_bitrate_bps = 30'000'000;
  EXPECT_EQ(settle_bitrate_bps(EncoderKind::x264, settings), 30'000'000);
  EXPECT_EQ(idr_bitrate_bps(EncoderKind::openh264, 12'000'000, 60), 12'000'000);
  EXPECT_EQ(idr_bitrate_bps(EncoderKind::openh264, 12'000'000, 20), 6'000'000);
  EXPECT_EQ(idr_bitrate_bps(EncoderKind::x264, 12'000'000, 20), 12'000'000);
}

}  // namespace
}  // namespace napari::engine
