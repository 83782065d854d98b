#include "control/json.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/envelope.hpp"
#include "control/handshake.hpp"

namespace napari::control {
namespace {

TEST(JsonTest, TakesWhatTheStandardTakes) {
  for (const char* text : {"{}", "[]", "null", "true", "-0", "0.5", "1e5", "1E+5", "-1.5e-3",
                           R"("a\"\\\/\b\f\n\r\t\u00e9")", R"({"a":[1,{"b":null}]})", " [1 , 2] ",
                           "\"\xc3\xa9\"", "123456789012345678", "1e999"}) {
    EXPECT_TRUE(JsonDocument::parse(text)) << text;
  }
}

TEST(JsonTest, RefusesWhatTheStandardRefuses) {
  for (const char* text : {"",
                           " ",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "{a:1}",
                           "{'a':1}",
                           "[1,]",
                           "{\"a\":1,}",
                           "01",
                           "-",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "0x10",
                           "// c\n1",
                           "/* c */ 1",
                           "[1] 2",
                           "\"a\nb\"",
                           "\"\\x\"",
                           "\"\\u0000\"",
                           "\"open",
                           "[",
                           "]",
                           "tru",
                           "1234567890123456789",
                           "\"\xff\"",
                           "\"\xc3\""}) {
    const auto document = JsonDocument::parse(text);
    EXPECT_FALSE(document) << text;
    if (!document) {
      EXPECT_FALSE(document.error().message.empty());
    }
  }
  EXPECT_TRUE(
      JsonDocument::parse(std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']')));
  EXPECT_FALSE(JsonDocument::parse(std::string(kJsonDepthMax + 1, '[') +
                                   std::string(kJsonDepthMax + 1, ']')));
  EXPECT_FALSE(JsonDocument::parse(std::string(1 << 20, '[')));
}

TEST(JsonTest, GettersGiveNothingInsteadOfAGuess) {
  const auto document =
      JsonDocument::parse(R"({"i":2,"f":2.0,"huge":1e999,"b":true,"s":"x","n":null,"a":[1,2.5]})");
  ASSERT_TRUE(document);
  const JsonView root = document->root();
  EXPECT_EQ(root.member("i").integer(), 2);
  EXPECT_EQ(root.member("i").number(), 2.0);
  EXPECT_FALSE(root.member("f").integer());
  EXPECT_FALSE(root.member("huge").number());
  EXPECT_FALSE(root.member("b").integer());
  EXPECT_FALSE(root.member("b").number());
  EXPECT_EQ(root.member("b").boolean(), true);
  EXPECT_FALSE(root.member("i").boolean());
  EXPECT_FALSE(root.member("i").string());
  EXPECT_TRUE(root.member("n").is_null());
  EXPECT_FALSE(root.member("n").absent());
  EXPECT_TRUE(root.member("none").absent());
  EXPECT_TRUE(root.member("none").member("deeper").at(3).absent());
  EXPECT_EQ(root.member("a").numbers(2), (std::vector<double>{1, 2.5}));
  EXPECT_FALSE(root.member("a").numbers(3));
  EXPECT_EQ(root.member("s").size(), 0U);
}

TEST(EnvelopeTest, NamesWhatIsWrong) {
  const auto fault = [](const char* text) {
    const auto document = JsonDocument::parse(text);
    const auto envelope = read_envelope(document->root());
    return envelope ? envelope->fault : "none";
  };
  EXPECT_EQ(fault(R"({"type":"x","version":2,"timestamp":1,"payload":{}})"), "");
  EXPECT_EQ(fault(R"({"type":"x","version":2.0,"timestamp":1.5,"payload":{},"more":1,"seq":null})"),
            "");
  EXPECT_EQ(fault(R"({"type":"x","version":1,"timestamp":1,"payload":{}})"), "version must be 2");
  EXPECT_EQ(fault(R"({"type":"x","version":2,"timestamp":null,"payload":{}})"),
            "timestamp must be a number");
  EXPECT_EQ(fault(R"({"type":"x","version":2,"timestamp":1,"payload":[]})"),
            "payload must be an object");
  EXPECT_NE(fault(R"({"type":"x","version":2,"timestamp":1,"payload":{},"frame_id":7})"), "");
  EXPECT_EQ(fault(R"({"version":2})"), "none");
  EXPECT_EQ(fault("[]"), "none");
}

TEST(EnvelopeTest, WritesWhatItReads) {
  const std::string text = write_envelope({.type = "notify.layers",
                                           .session = "s\"1",
                                           .frame_id = "f",
                                           .intent_id = "i",
                                           .seq = 7,
                                           .delta_token = "t"},
                                          R"({"a":1})");
  const auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document) << text;
  const auto envelope = read_envelope(document->root());
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->fault, "");
  EXPECT_EQ(envelope->session, "s\"1");
  EXPECT_EQ(envelope->intent_id, "i");
  EXPECT_TRUE(envelope->resumable);
  EXPECT_EQ(document->root().member("seq").integer(), 7);
  EXPECT_EQ(envelope->payload.member("a").integer(), 1);
  EXPECT_NE(make_id("x"), make_id("x"));
}

}  // namespace
}  // namespace napari::control
