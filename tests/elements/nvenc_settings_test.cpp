// The low-latency settings against the property tables of three releases' NVENC elements.
#include "engine/nvenc_settings.hpp"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "_helpers/standin_encoder/standin_encoder.hpp"
#include "engine/encoder_choice.hpp"
#include "engine/encoder_probe.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::engine {
namespace {

using standin::Release;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Case {
  Release release;
  const char* factory;
  std::map<std::string, std::string> values;
  std::vector<std::string> left_alone;
};

int complaints = 0;
void count_complaint(const char*, GLogLevelFlags level, const char* message, gpointer) {
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_ERROR)) == 0) return;
  ++complaints;
  ADD_FAILURE() << message;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {Release::v1_22,
       "nvcudah264enc",
       {{"preset", "low-latency-hp"},
        {"rate-control", "cbr"},
        {"gop-size", "-1"},
        {"b-frames", "0"},
        {"rc-lookahead", "0"},
        {"zero-reorder-delay", "true"},
        {"repeat-sequence-header", "true"},
        {"aud", "false"},
        {"vbv-buffer-size", "1171"},
        {"qos", "false"}},
       {"tune", "multi-pass", "cc-insert"}},
      {Release::v1_22,
       "nvh264enc",
       {{"preset", "low-latency-hp"},
        {"rc-mode", "cbr"},
        {"gop-size", "-1"},
        {"bframes", "0"},
        {"rc-lookahead", "0"},
        {"zerolatency", "true"},
        {"aud", "false"},
        {"vbv-buffer-size", "1171"},
        {"qos", "false"}},
       {"tune", "multi-pass", "repeat-sequence-header", "cc-insert"}},
      {Release::v1_24,
       "nvcudah264enc",
       {{"preset", "p3"},
        {"tune", "ultra-low-latency"},
        {"multi-pass", "disabled"},
        {"rate-control", "cbr"},
        {"gop-size", "-1"},
        {"b-frames", "0"},
        {"rc-lookahead", "0"},
        {"zero-reorder-delay", "true"},
        {"repeat-sequence-header", "true"},
        {"aud", "false"},
        {"vbv-buffer-size", "1171"},
        {"qos", "false"},
        {"cc-insert", "disabled"}},
       {}},
      {Release::v1_26,
       "nvh264enc",
       {{"preset", "p3"},
        {"tune", "ultra-low-latency"},
        {"multi-pass", "disabled"},
        {"rc-mode", "cbr"},
        {"gop-size", "-1"},
        {"bframes", "0"},
        {"rc-lookahead", "0"},
        {"zerolatency", "true"},
        {"repeat-sequence-header", "true"},
        {"aud", "false"},
        {"vbv-buffer-size", "1171"},
        {"qos", "false"},
        {"cc-insert", "disabled"}},
       {}},
  };
  return all;
}

std::string read_back(GstElement* element, const std::string& property) {
  GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), property.c_str());
  if (spec == nullptr) return "no such property";
  GValue value = G_VALUE_INIT;
  g_value_init(&value, spec->value_type);
  g_object_get_property(G_OBJECT(element), property.c_str(), &value);
  std::string result;
  if (G_IS_PARAM_SPEC_ENUM(spec)) {
    result =
        g_enum_get_value(G_PARAM_SPEC_ENUM(spec)->enum_class, g_value_get_enum(&value))->value_nick;
  } else {
    gchar* text = gst_value_serialize(&value);
    result = text;
    g_free(text);
  }
  g_value_unset(&value);
  return result;
}

class NvencSettings : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    complaints = 0;
    previous_ = g_log_set_default_handler(count_complaint, nullptr);
    ASSERT_TRUE(standin::register_elements(nullptr, GetParam().release));
  }
  void TearDown() override {
    standin::unregister_elements();
    forget_probe_results();
    g_log_set_default_handler(previous_, nullptr);
    EXPECT_EQ(complaints, 0);
  }
  static const Case& GetParam() { return cases()[TestWithParam::GetParam()]; }
  const EncoderSettings settings_{.size = {1920, 1080}, .bitrate_bps = 12'000'000};
  GLogFunc previous_{nullptr};
};

TEST_P(NvencSettings, EachValueArrivesAndNothingWarns) {
  const Case& expected = GetParam();
  const auto element =
      gstx::Ref<GstElement>::sink(gst_element_factory_make(expected.factory, nullptr));
  ASSERT_TRUE(element);
  std::map<std::string, std::string> set;
  std::vector<std::string> left_alone;
  for (const NvencOutcome& outcome : apply_nvenc_settings(element.get(), settings_)) {
    if (outcome.value.empty()) {
      EXPECT_THAT(outcome.reason, Not(IsEmpty())) << outcome.property;
      left_alone.push_back(outcome.property);
    } else {
      set[outcome.property] = outcome.value;
    }
  }
  EXPECT_EQ(set, expected.values);
  EXPECT_EQ(left_alone, expected.left_alone);
  for (const auto& [property, value] : expected.values)
    EXPECT_EQ(read_back(element.get(), property), value) << property;
}

TEST_P(NvencSettings, MadeElementHasTheBudgetAndOpens) {
  for (const EncoderCandidate& candidate : encoder_candidates()) {
    if (std::string(candidate.factory) != GetParam().factory) continue;
    const auto element = make_encoder(candidate, settings_);
    ASSERT_TRUE(element) << element.error().message;
    EXPECT_EQ(read_back(element->get(), "bitrate"), "11718") << "in units of 1024 bits";
    set_encoder_bitrate(element->get(), candidate.kind, 3'000'000'000);
    EXPECT_EQ(read_back(element->get(), "bitrate"), "2048000") << "the most it takes";
    const auto opened = probe_encoder(candidate, settings_);
    EXPECT_TRUE(opened) << opened.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, NvencSettings, ::testing::Range<std::size_t>(0, 4));

TEST(NvencErrors, AreExplained) {
  EXPECT_THAT(explain_nvenc_error("status: NV_ENC_ERR_UNSUPPORTED_DEVICE (2)"),
              HasSubstr("no NVENC"));
  EXPECT_THAT(explain_nvenc_error("NV_ENC_ERR_OUT_OF_MEMORY (10)"), HasSubstr("limit of sessions"));
  EXPECT_EQ(explain_nvenc_error("something else"), "something else");
}

TEST(NvencErrors, AMissingElementSaysWhatItNeeds) {
  standin::unregister_elements();
  forget_probe_results();
  const auto probed = probe_encoder(encoder_candidates().front(), {.size = {640, 360}});
  ASSERT_FALSE(probed);
  EXPECT_THAT(probed.error().message, HasSubstr("NVENC"));
}

}  // namespace
}  // namespace napari::engine
