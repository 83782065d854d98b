// H.264 sequence parameter sets: a parser for every profile of the standard's clause 7.3.2.1.1 and
// a rewriter that sets colour and bitstream restriction in the VUI, for encoders that write none.
// Everything else, timing and HRD included, is kept bit for bit. Input is untrusted: a malformed
// set is an error, never a guess. Threads: any (values).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

// Code points of ISO/IEC 23091-2: BT.709 is 1, BT.601 (525 lines) is 6.
struct VideoColour {
  std::uint8_t primaries{2};
  std::uint8_t transfer{2};
  std::uint8_t matrix{2};
  bool full_range{false};
  bool operator==(const VideoColour&) const = default;
};
inline constexpr VideoColour kColourBt709{.primaries = 1, .transfer = 1, .matrix = 1};
inline constexpr VideoColour kColourBt601{.primaries = 6, .transfer = 6, .matrix = 6};

struct BitstreamRestriction {
  bool motion_vectors_over_pic_boundaries{true};
  std::uint32_t max_bytes_per_pic_denom{0};  // 0: no limit
  std::uint32_t max_bits_per_mb_denom{0};    // 0: no limit
  std::uint32_t log2_max_mv_length_horizontal{15};
  std::uint32_t log2_max_mv_length_vertical{15};
  std::uint32_t max_num_reorder_frames{0};
  std::uint32_t max_dec_frame_buffering{1};
  bool operator==(const BitstreamRestriction&) const = default;
};

struct Timing {
  std::uint32_t units_in_tick{0};
  std::uint32_t time_scale{0};
  bool fixed_rate{false};
  bool operator==(const Timing&) const = default;
};

struct SpsInfo {
  std::uint8_t profile{0};
  std::uint8_t constraints{0};
  std::uint8_t level{0};
  std::uint32_t id{0};
  std::uint32_t chroma_format{1};
  int bit_depth_luma{8};
  int bit_depth_chroma{8};
  std::uint32_t max_num_ref_frames{0};
  int width_px{0};  // after cropping
  int height_px{0};
  bool has_vui{false};
  bool has_hrd{false};
  std::optional<VideoColour> colour;
  std::optional<Timing> timing;
  std::optional<BitstreamRestriction> restriction;
};

// `nal` is one NAL unit of type 7 with its header byte, without a start code.
[[nodiscard]] gstx::Result<SpsInfo> parse_sps(std::span<const std::uint8_t> nal);

// The same set with `colour`, no reordering and a decoded picture buffer of max_num_ref_frames
// frames.
[[nodiscard]] gstx::Result<std::vector<std::uint8_t>> rewrite_sps(std::span<const std::uint8_t> nal,
                                                                  const VideoColour& colour);

}  // namespace napari::engine
