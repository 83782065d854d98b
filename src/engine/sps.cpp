#include "engine/sps.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "engine/rbsp.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Result;

constexpr std::size_t kSpsBytesMax = 4096;
constexpr std::uint32_t kMacroblocksMax = 1024;  // a side: 16384 pixels
constexpr std::uint8_t kNalTypeSps = 7;
constexpr std::uint32_t kSarExtended = 255;

struct BitRange {
  std::size_t begin{0};
  std::size_t end{0};
};

// The parts of the VUI that are not rewritten are remembered as bits.
struct Parsed {
  SpsInfo info;
  std::vector<std::uint8_t> rbsp;
  std::size_t vui_flag_bit{0};
  BitRange before_video_signal;  // aspect ratio, overscan
  std::optional<std::uint32_t> video_format;
  BitRange after_video_signal{};  // chroma location, timing, HRD, pic_struct
};

bool has_chroma_fields(std::uint8_t profile) {
  static constexpr std::array<std::uint8_t, 13> kProfiles{100, 110, 122, 244, 44,  83, 86,
                                                          118, 128, 138, 139, 134, 135};
  return std::find(kProfiles.begin(), kProfiles.end(), profile) != kProfiles.end();
}

void skip_scaling_list(BitReader& reader, int size) {
  std::int64_t last = 8;
  std::int64_t next = 8;
  for (int i = 0; i < size && reader.ok(); ++i) {
    if (next != 0) next = (last + reader.se() + 256) & 255;
    last = next == 0 ? last : next;
  }
}

Result<void> parse_chroma(BitReader& reader, SpsInfo& info) {
  info.chroma_format = reader.ue();
  if (info.chroma_format > 3)
    return fail(ErrorCode::invalid_argument,
                fmt::format("chroma_format_idc {} not in 0..3", info.chroma_format));
  if (info.chroma_format == 3 && reader.flag()) info.chroma_format = 0;  // separate colour planes
  const std::uint32_t luma = reader.ue();
  const std::uint32_t chroma = reader.ue();
  if (luma > 6 || chroma > 6)
    return fail(ErrorCode::invalid_argument,
                fmt::format("bit depth minus 8 is {} and {}, not in 0..6", luma, chroma));
  info.bit_depth_luma = static_cast<int>(luma) + 8;
  info.bit_depth_chroma = static_cast<int>(chroma) + 8;
  reader.skip(1);  // qpprime_y_zero_transform_bypass_flag
  if (reader.flag()) {
    const int lists = info.chroma_format == 3 ? 12 : 8;
    for (int i = 0; i < lists && reader.ok(); ++i) {
      if (reader.flag()) skip_scaling_list(reader, i < 6 ? 16 : 64);
    }
  }
  return {};
}

Result<void> parse_picture_order(BitReader& reader) {
  const std::uint32_t frame_num = reader.ue();
  const std::uint32_t type = reader.ue();
  if (frame_num > 12 || type > 2)
    return fail(ErrorCode::invalid_argument,
                fmt::format("log2_max_frame_num_minus4 {} or pic_order_cnt_type {} out of range",
                            frame_num, type));
  if (type == 0) {
    const std::uint32_t lsb = reader.ue();
    if (lsb > 12)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("log2_max_pic_order_cnt_lsb_minus4 {} not in 0..12", lsb));
  } else if (type == 1) {
    reader.skip(1);
    static_cast<void>(reader.se());
    static_cast<void>(reader.se());
    const std::uint32_t cycle = reader.ue();
    if (cycle > 255)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("num_ref_frames_in_pic_order_cnt_cycle {} not in 0..255", cycle));
    for (std::uint32_t i = 0; i < cycle && reader.ok(); ++i) static_cast<void>(reader.se());
  }
  return {};
}

Result<void> parse_size(BitReader& reader, SpsInfo& info) {
  const std::uint32_t width_mbs = reader.ue();
  const std::uint32_t height_units = reader.ue();
  const bool frame_mbs_only = reader.flag();
  if (!frame_mbs_only) reader.skip(1);
  reader.skip(1);  // direct_8x8_inference_flag
  const bool cropped = reader.flag();
  std::array<std::uint32_t, 4> crop{};
  if (cropped) {
    for (auto& side : crop) side = reader.ue();
  }
  if (width_mbs >= kMacroblocksMax || height_units >= kMacroblocksMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("picture of {} x {} macroblocks", width_mbs, height_units));
  const bool subsampled_x = info.chroma_format == 1 || info.chroma_format == 2;
  const std::uint64_t unit_x = subsampled_x ? 2 : 1;
  const std::uint64_t unit_y = (info.chroma_format == 1 ? 2ULL : 1ULL) * (frame_mbs_only ? 1 : 2);
  const std::uint64_t width = (width_mbs + 1ULL) * 16;
  const std::uint64_t height = (height_units + 1ULL) * 16 * (frame_mbs_only ? 1 : 2);
  const std::uint64_t crop_x = unit_x * (static_cast<std::uint64_t>(crop[0]) + crop[1]);
  const std::uint64_t crop_y = unit_y * (static_cast<std::uint64_t>(crop[2]) + crop[3]);
  if (crop_x >= width || crop_y >= height)
    return fail(ErrorCode::invalid_argument,
                fmt::format("crops {} x {} off {} x {}", crop_x, crop_y, width, height));
  info.width_px = static_cast<int>(width - crop_x);
  info.height_px = static_cast<int>(height - crop_y);
  return {};
}

Result<void> skip_hrd(BitReader& reader) {
  const std::uint32_t count = reader.ue();
  if (count > 31)
    return fail(ErrorCode::invalid_argument, fmt::format("cpb_cnt_minus1 {} not in 0..31", count));
  reader.skip(8);
  for (std::uint32_t i = 0; i <= count && reader.ok(); ++i) {
    static_cast<void>(reader.ue());
    static_cast<void>(reader.ue());
    reader.skip(1);
  }
  reader.skip(20);
  return {};
}

void parse_video_signal(BitReader& reader, Parsed& parsed) {
  parsed.before_video_signal = {parsed.vui_flag_bit + 1, reader.position_bits()};
  if (!reader.flag()) return;
  parsed.video_format = reader.bits(3);
  VideoColour colour;
  colour.full_range = reader.flag();
  if (reader.flag()) {
    colour.primaries = static_cast<std::uint8_t>(reader.bits(8));
    colour.transfer = static_cast<std::uint8_t>(reader.bits(8));
    colour.matrix = static_cast<std::uint8_t>(reader.bits(8));
  }
  parsed.info.colour = colour;
}

Result<void> parse_restriction(BitReader& reader, SpsInfo& info) {
  if (!reader.flag()) return {};
  BitstreamRestriction restriction;
  restriction.motion_vectors_over_pic_boundaries = reader.flag();
  restriction.max_bytes_per_pic_denom = reader.ue();
  restriction.max_bits_per_mb_denom = reader.ue();
  restriction.log2_max_mv_length_horizontal = reader.ue();
  restriction.log2_max_mv_length_vertical = reader.ue();
  restriction.max_num_reorder_frames = reader.ue();
  restriction.max_dec_frame_buffering = reader.ue();
  if (restriction.max_bytes_per_pic_denom > 16 || restriction.max_bits_per_mb_denom > 16 ||
      restriction.log2_max_mv_length_horizontal > 16 ||
      restriction.log2_max_mv_length_vertical > 16 ||
      restriction.max_num_reorder_frames > restriction.max_dec_frame_buffering ||
      restriction.max_dec_frame_buffering > 16)
    return fail(ErrorCode::invalid_argument, "bitstream restriction out of range");
  info.restriction = restriction;
  return {};
}

Result<void> parse_vui(BitReader& reader, Parsed& parsed) {
  SpsInfo& info = parsed.info;
  if (reader.flag() && reader.bits(8) == kSarExtended) reader.skip(32);
  if (reader.flag()) reader.skip(1);  // overscan
  parse_video_signal(reader, parsed);
  const std::size_t begin = reader.position_bits();
  if (reader.flag()) {
    const std::uint32_t top = reader.ue();
    const std::uint32_t bottom = reader.ue();
    if (top > 5 || bottom > 5)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("chroma sample location {}, {} not in 0..5", top, bottom));
  }
  if (reader.flag()) {
    Timing timing;
    timing.units_in_tick = reader.bits(32);
    timing.time_scale = reader.bits(32);
    timing.fixed_rate = reader.flag();
    info.timing = timing;
  }
  const bool nal_hrd = reader.flag();
  if (nal_hrd) GSTX_TRY(skip_hrd(reader));
  const bool vcl_hrd = reader.flag();
  if (vcl_hrd) GSTX_TRY(skip_hrd(reader));
  info.has_hrd = nal_hrd || vcl_hrd;
  if (info.has_hrd) reader.skip(1);  // low_delay_hrd_flag
  reader.skip(1);                    // pic_struct_present_flag
  parsed.after_video_signal = {begin, reader.position_bits()};
  return parse_restriction(reader, info);
}

Result<Parsed> parse(std::span<const std::uint8_t> nal) {
  if (nal.size() < 5 || nal.size() > kSpsBytesMax)
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("a sequence parameter set of {} bytes, not 5..{}", nal.size(), kSpsBytesMax));
  if ((nal[0] & 0x80U) != 0 || (nal[0] & 0x1FU) != kNalTypeSps)
    return fail(ErrorCode::invalid_argument,
                fmt::format("NAL header {:#04x} is not a sequence parameter set", nal[0]));
  Parsed parsed;
  parsed.rbsp = remove_emulation_prevention(nal.subspan(1));
  SpsInfo& info = parsed.info;
  BitReader reader(parsed.rbsp);
  info.profile = static_cast<std::uint8_t>(reader.bits(8));
  info.constraints = static_cast<std::uint8_t>(reader.bits(8));
  info.level = static_cast<std::uint8_t>(reader.bits(8));
  info.id = reader.ue();
  if (info.id > 31)
    return fail(ErrorCode::invalid_argument, fmt::format("set id {} not in 0..31", info.id));
  if (has_chroma_fields(info.profile)) GSTX_TRY(parse_chroma(reader, info));
  GSTX_TRY(parse_picture_order(reader));
  info.max_num_ref_frames = reader.ue();
  if (info.max_num_ref_frames > 16)
    return fail(ErrorCode::invalid_argument,
                fmt::format("max_num_ref_frames {} not in 0..16", info.max_num_ref_frames));
  reader.skip(1);  // gaps_in_frame_num_value_allowed_flag
  GSTX_TRY(parse_size(reader, info));
  parsed.vui_flag_bit = reader.position_bits();
  info.has_vui = reader.flag();
  if (info.has_vui) GSTX_TRY(parse_vui(reader, parsed));
  if (!reader.ok()) return fail(ErrorCode::invalid_argument, "sequence parameter set ends early");
  if (!reader.at_trailing_bits())
    return fail(ErrorCode::invalid_argument, "sequence parameter set has data after its end");
  return parsed;
}

void write_video_signal(BitWriter& writer, std::uint32_t format, const VideoColour& colour) {
  writer.flag(true);
  writer.bits(format, 3);
  writer.flag(colour.full_range);
  writer.flag(true);
  writer.bits(colour.primaries, 8);
  writer.bits(colour.transfer, 8);
  writer.bits(colour.matrix, 8);
}

void write_restriction(BitWriter& writer, const BitstreamRestriction& restriction) {
  writer.flag(true);
  writer.flag(restriction.motion_vectors_over_pic_boundaries);
  writer.ue(restriction.max_bytes_per_pic_denom);
  writer.ue(restriction.max_bits_per_mb_denom);
  writer.ue(restriction.log2_max_mv_length_horizontal);
  writer.ue(restriction.log2_max_mv_length_vertical);
  writer.ue(restriction.max_num_reorder_frames);
  writer.ue(restriction.max_dec_frame_buffering);
}

}  // namespace

Result<SpsInfo> parse_sps(std::span<const std::uint8_t> nal) {
  GSTX_ASSIGN_OR_RETURN(const Parsed parsed, parse(nal));
  return parsed.info;
}

Result<std::vector<std::uint8_t>> rewrite_sps(std::span<const std::uint8_t> nal,
                                              const VideoColour& colour) {
  constexpr std::uint32_t kFormatUnspecified = 5;
  GSTX_ASSIGN_OR_RETURN(const Parsed parsed, parse(nal));
  BitWriter writer;
  writer.bits(nal[0], 8);
  writer.copy(parsed.rbsp, 0, parsed.vui_flag_bit);
  writer.flag(true);
  if (parsed.info.has_vui) {
    writer.copy(parsed.rbsp, parsed.before_video_signal.begin, parsed.before_video_signal.end);
  } else {
    writer.bits(0, 2);  // no aspect ratio, no overscan
  }
  write_video_signal(writer, parsed.video_format.value_or(kFormatUnspecified), colour);
  if (parsed.info.has_vui) {
    writer.copy(parsed.rbsp, parsed.after_video_signal.begin, parsed.after_video_signal.end);
  } else {
    writer.bits(0, 5);  // no chroma location, timing, NAL HRD, VCL HRD, picture structure
  }
  BitstreamRestriction restriction = parsed.info.restriction.value_or(BitstreamRestriction{});
  restriction.max_num_reorder_frames = 0;
  restriction.max_dec_frame_buffering = parsed.info.max_num_ref_frames;
  write_restriction(writer, restriction);
  return add_emulation_prevention(writer.finish());
}

}  // namespace napari::engine
