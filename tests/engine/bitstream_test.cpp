#include "engine/bitstream.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace napari::engine {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using Bytes = std::vector<std::uint8_t>;

Bytes copy(NalUnit nal) { return {nal.begin(), nal.end()}; }

TEST(Bitstream, SplitsLongAndShortStartCodes) {
  const Bytes stream{0xAA, 0, 0, 0, 1,    0x67, 0x42, 0, 0, 1, 0x68, 0,
                     0,    0, 0, 1, 0x65, 0,    0,    3, 1, 0, 0};
  const auto nals = split_annexb(stream);
  ASSERT_THAT(nals, SizeIs(3));
  EXPECT_THAT(copy(nals[0]), ElementsAre(0x67, 0x42));
  EXPECT_THAT(copy(nals[1]), ElementsAre(0x68));
  EXPECT_THAT(copy(nals[2]), ElementsAre(0x65, 0, 0, 3, 1));
  EXPECT_TRUE(contains_idr(nals));
  EXPECT_FALSE(contains_idr(std::span(nals).first(2)));
}

TEST(Bitstream, EmptyAndOddInputsSplitToNothing) {
  EXPECT_TRUE(split_annexb({}).empty());
  EXPECT_TRUE(split_annexb(Bytes{0, 0, 1}).empty());
  EXPECT_TRUE(split_annexb(Bytes{1, 1, 1, 1}).empty());
  EXPECT_TRUE(split_annexb(Bytes{0, 0, 1, 0, 0, 1}).empty());
}

TEST(Bitstream, AnnexBAndAvccRoundTrip) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::vector<Bytes> units(1 + random() % 6);
    std::vector<NalUnit> nals;
    for (auto& unit : units) {
      unit.resize(1 + random() % 300);
      for (auto& byte : unit) byte = static_cast<std::uint8_t>(2 + random() % 254);
      nals.emplace_back(unit);
    }
    const Bytes avcc = join_avcc(nals);
    const auto from_avcc = split_avcc(avcc);
    ASSERT_TRUE(from_avcc);
    const Bytes annexb = join_annexb(*from_avcc);
    const auto from_annexb = split_annexb(annexb);
    ASSERT_EQ(from_annexb.size(), units.size());
    for (std::size_t k = 0; k < units.size(); ++k) EXPECT_EQ(copy(from_annexb[k]), units[k]);
    EXPECT_EQ(join_avcc(from_annexb), avcc);
  }
}

TEST(Bitstream, LengthsThatDoNotAddUpAreErrors) {
  EXPECT_FALSE(split_avcc(Bytes{0, 0, 0}));
  EXPECT_FALSE(split_avcc(Bytes{0, 0, 0, 0}));
  EXPECT_FALSE(split_avcc(Bytes{0, 0, 0, 9, 0x65}));
  EXPECT_FALSE(split_avcc(Bytes{0xFF, 0xFF, 0xFF, 0xFF, 0x65}));
  EXPECT_TRUE(split_avcc(Bytes{0, 0, 0, 1, 0x65}));
}

TEST(Bitstream, MakesTheRecordThatTheClientReads) {
  const Bytes stream{0, 0, 0,    1,    0x67, 0x42, 0xC0, 0x15, 0xDA, 0,    0,
                     0, 1, 0x68, 0xCE, 0x0F, 0xC8, 0,    0,    1,    0x65, 9};
  const auto sets = find_parameter_sets(split_annexb(stream));
  ASSERT_TRUE(sets) << sets.error().message;
  const auto record = make_avcc_record(*sets);
  ASSERT_TRUE(record);
  EXPECT_THAT(*record, ElementsAre(1, 0x42, 0xC0, 0x15, 0xFF, 0xE1, 0, 5, 0x67, 0x42, 0xC0, 0x15,
                                   0xDA, 1, 0, 4, 0x68, 0xCE, 0x0F, 0xC8));
  EXPECT_EQ(codec_string(sets->sps).value(), "avc1.42c015");
}

TEST(Bitstream, MissingSetsAreNamed) {
  const Bytes no_pps{0, 0, 1, 0x67, 1, 2, 3};
  const auto sets = find_parameter_sets(split_annexb(no_pps));
  ASSERT_FALSE(sets);
  EXPECT_EQ(sets.error().code, gstx::ErrorCode::not_found);
  EXPECT_NE(sets.error().message.find("picture parameter set"), std::string::npos);
  EXPECT_FALSE(make_avcc_record({.sps = {0x67}, .pps = {0x68}}));
  EXPECT_FALSE(make_avcc_record({.sps = Bytes(70000, 0x67), .pps = {0x68}}));
  EXPECT_FALSE(codec_string(Bytes{0x68, 1, 2, 3}));
}

TEST(Bitstream, RewritesTheSetAndLeavesTheRest) {
  const Bytes sps{0x67, 0x42, 0xc0, 0x15, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 0x00,
                  0x03, 0x00, 0x40, 0x00, 0x00, 0x1e, 0x23, 0xc5, 0x8b, 0xa8};
  const Bytes pps{0x68, 0xCE, 0x0F, 0xC8};
  const Bytes slice{0x65, 0x88, 0x84, 0x21, 0xA0};
  const std::vector<NalUnit> unit{sps, pps, slice};
  const auto rewritten = rewrite_annexb(join_annexb(unit), kColourBt601);
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  const auto nals = split_annexb(*rewritten);
  ASSERT_THAT(nals, SizeIs(3));
  EXPECT_EQ(parse_sps(nals[0]).value().colour, kColourBt601);
  EXPECT_EQ(copy(nals[1]), pps);
  EXPECT_EQ(copy(nals[2]), slice);
}

TEST(Bitstream, MalformedSetIsAnErrorForTheCallerToPassThrough) {
  const Bytes broken{0, 0, 1, 0x67, 0xFF, 0xFF, 0xFF, 0, 0, 1, 0x65, 1};
  EXPECT_FALSE(rewrite_annexb(broken, kColourBt709));
}

}  // namespace
}  // namespace napari::engine
