// Parser and rewriter against parameter sets made bit by bit here, and one from another server's
// stream.
#include "engine/sps.hpp"

#include <random>

#include <gtest/gtest.h>

#include "engine/rbsp.hpp"

namespace napari::engine {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct SpsParams {
  std::uint8_t profile{66};
  bool scaling_lists{false};
  std::uint32_t ref_frames{1};
  bool vui{false};
  bool hrd{false};
  bool restriction{false};
};

void write_chroma(BitWriter& writer, const SpsParams& params) {
  writer.ue(1);
  writer.ue(0);
  writer.ue(0);
  writer.flag(false);
  writer.flag(params.scaling_lists);
  if (!params.scaling_lists) return;
  for (int list = 0; list < 8; ++list) {
    writer.flag(list % 2 == 0);
    if (list % 2 != 0) continue;
    const int size = list < 6 ? 16 : 64;
    // Deltas of +1, then one that makes `next` zero, after which no more are sent: 8+3=11, then
    // -11.
    for (int i = 0; i < std::min(size, 3); ++i) writer.ue(1);
    writer.ue(22);
  }
}

void write_hrd(BitWriter& writer) {
  writer.ue(0);
  writer.bits(0x35, 8);
  writer.ue(4686);
  writer.ue(999);
  writer.flag(true);
  writer.bits(0x7BDEF, 20);
}

void write_vui(BitWriter& writer, const SpsParams& params) {
  writer.flag(true);
  writer.bits(255, 8);
  writer.bits(0x00010001, 32);  // makes emulation prevention necessary
  writer.flag(false);
  writer.flag(true);  // video signal type: full range, no description
  writer.bits(2, 3);
  writer.flag(true);
  writer.flag(false);
  writer.flag(true);
  writer.ue(0);
  writer.ue(0);
  writer.flag(true);
  writer.bits(1, 32);
  writer.bits(120, 32);
  writer.flag(true);
  writer.flag(params.hrd);
  if (params.hrd) write_hrd(writer);
  writer.flag(false);
  if (params.hrd) writer.flag(false);
  writer.flag(true);
  writer.flag(params.restriction);
  if (params.restriction) {
    writer.flag(false);
    for (const std::uint32_t value : {2U, 1U, 11U, 12U, 1U, 4U}) writer.ue(value);
  }
}

Bytes make_sps(const SpsParams& params) {
  BitWriter writer;
  writer.bits(0x67, 8);
  writer.bits(params.profile, 8);
  writer.bits(0xC0, 8);
  writer.bits(42, 8);
  writer.ue(0);
  if (params.profile >= 100) write_chroma(writer, params);
  writer.ue(4);
  writer.ue(2);
  writer.ue(params.ref_frames);
  writer.flag(false);
  writer.ue(119);
  writer.ue(67);
  writer.flag(true);
  writer.flag(true);
  writer.flag(true);  // 1920x1088 cropped to 1080
  for (const std::uint32_t side : {0U, 0U, 0U, 4U}) writer.ue(side);
  writer.flag(params.vui);
  if (params.vui) write_vui(writer, params);
  return add_emulation_prevention(writer.finish());
}

void expect_rewritten(const SpsParams& params, const VideoColour& colour) {
  const Bytes original = make_sps(params);
  const auto before = parse_sps(original);
  ASSERT_TRUE(before) << before.error().message;
  const auto rewritten = rewrite_sps(original, colour);
  ASSERT_TRUE(rewritten) << rewritten.error().message;
  const auto after = parse_sps(*rewritten);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->colour, colour);
  ASSERT_TRUE(after->restriction);
  EXPECT_EQ(after->restriction->max_num_reorder_frames, 0U);
  EXPECT_EQ(after->restriction->max_dec_frame_buffering, params.ref_frames);
  EXPECT_EQ(after->timing, before->timing);
  EXPECT_EQ(after->has_hrd, params.hrd);
  EXPECT_EQ(after->width_px, 1920);
  EXPECT_EQ(after->height_px, 1080);
  EXPECT_EQ(after->profile, params.profile);
  EXPECT_EQ(after->level, 42);
  EXPECT_EQ(rewrite_sps(*rewritten, colour), rewritten) << "rewriting twice changes nothing";
}

TEST(Sps, RewritesEveryShapeOfSet) {
  for (const std::uint8_t profile : std::vector<std::uint8_t>{66, 77, 100}) {
    for (int shape = 0; shape < 16; ++shape) {
      const SpsParams params{.profile = profile,
                             .scaling_lists = (shape & 1) != 0,
                             .ref_frames = 3,
                             .vui = (shape & 2) != 0 || (shape & 12) != 0,
                             .hrd = (shape & 4) != 0,
                             .restriction = (shape & 8) != 0};
      SCOPED_TRACE(testing::Message() << "profile " << int{profile} << " shape " << shape);
      expect_rewritten(params, kColourBt709);
      expect_rewritten(params, kColourBt601);
    }
  }
}

TEST(Sps, KeepsWhatItDoesNotSet) {
  const Bytes original = make_sps({.ref_frames = 2, .vui = true, .hrd = true, .restriction = true});
  const auto info = parse_sps(rewrite_sps(original, kColourBt709).value());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->timing, (Timing{.units_in_tick = 1, .time_scale = 120, .fixed_rate = true}));
  EXPECT_FALSE(info->restriction->motion_vectors_over_pic_boundaries);
  EXPECT_EQ(info->restriction->max_bytes_per_pic_denom, 2U);
  EXPECT_EQ(info->restriction->log2_max_mv_length_horizontal, 11U);
  EXPECT_EQ(info->restriction->log2_max_mv_length_vertical, 12U);
}

TEST(Sps, ReadsAnotherServersSet) {
  // The SPS inside the avcC record of wire_protocol.md 4.5.
  const Bytes sps{0x67, 0x42, 0xc0, 0x15, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 0x00,
                  0x03, 0x00, 0x40, 0x00, 0x00, 0x1e, 0x23, 0xc5, 0x8b, 0xa8};
  const auto info = parse_sps(sps);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->width_px, 320);
  EXPECT_EQ(info->height_px, 240);
  ASSERT_TRUE(info->timing);
  EXPECT_EQ(info->timing->time_scale, 120U * info->timing->units_in_tick);
}

TEST(Sps, EveryTruncationIsAnError) {
  const Bytes whole = make_sps({.profile = 100, .scaling_lists = true, .vui = true, .hrd = true});
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    const auto result = parse_sps(std::span(whole).first(size));
    EXPECT_FALSE(result) << size << " of " << whole.size() << " bytes";
  }
}

TEST(Sps, NamesWhatIsWrong) {
  EXPECT_NE(parse_sps(Bytes{0x68, 1, 2, 3, 4}).error().message.find("0x68"), std::string::npos);
  EXPECT_NE(parse_sps(Bytes(5000, 0x67)).error().message.find("5000"), std::string::npos);
  Bytes with_rest = make_sps({});
  with_rest.push_back(0x55);
  EXPECT_NE(parse_sps(with_rest).error().message.find("after its end"), std::string::npos);
}

TEST(Sps, SurvivesMutations) {
  const Bytes whole = make_sps({.profile = 100, .scaling_lists = true, .vui = true, .hrd = true});
  std::mt19937 random(7);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes mutated = whole;
    for (int flips = 0; flips < 3; ++flips) {
      const std::size_t bit = random() % ((mutated.size() - 1) * 8);
      mutated[1 + bit / 8] = static_cast<std::uint8_t>(mutated[1 + bit / 8] ^ (1U << (bit % 8)));
    }
    const auto rewritten = rewrite_sps(mutated, kColourBt709);
    if (!rewritten) continue;
    ++accepted;
    EXPECT_TRUE(parse_sps(*rewritten)) << "what was rewritten parses";
  }
  EXPECT_GT(accepted, 0);
}

TEST(Rbsp, EmulationPreventionRoundTrips) {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    Bytes rbsp(1 + random() % 40);
    for (auto& byte : rbsp) byte = static_cast<std::uint8_t>(random() % 5);
    rbsp.push_back(0x80);
    const Bytes nal = add_emulation_prevention(rbsp);
    for (std::size_t at = 2; at < nal.size(); ++at)
      EXPECT_FALSE(nal[at - 2] == 0 && nal[at - 1] == 0 && nal[at] < 3);
    EXPECT_EQ(remove_emulation_prevention(nal), rbsp);
  }
}

TEST(Rbsp, ExpGolombRoundTripsAndIsBounded) {
  BitWriter writer;
  const std::vector<std::uint32_t> values{0, 1, 2, 254, 255, 65535, 0x7FFFFFFF, 0xFFFFFFFD};
  for (const std::uint32_t value : values) writer.ue(value);
  const Bytes bytes = writer.finish();
  BitReader reader(bytes);
  for (const std::uint32_t value : values) EXPECT_EQ(reader.ue(), value);
  EXPECT_TRUE(reader.at_trailing_bits());
  const Bytes zeros(16, 0);
  BitReader endless(zeros);
  static_cast<void>(endless.ue());
  EXPECT_FALSE(endless.ok());
}

}  // namespace
}  // namespace napari::engine
