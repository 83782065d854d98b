// H.264 byte streams as access units: splitting into NAL units, Annex B <-> length prefixes,
// parameter sets, and what decoders ask for besides the stream. Does not look into slices. Threads:
// any (values); spans borrow from the input.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/sps.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

using NalUnit =
    std::span<const std::uint8_t>;  // header byte first, no start code, no trailing zeros

inline constexpr int kNalIdr = 5;
inline constexpr int kNalSei = 6;
inline constexpr int kNalSps = 7;
inline constexpr int kNalPps = 8;
inline constexpr int kNalDelimiter = 9;

[[nodiscard]] inline int nal_type(NalUnit nal) { return nal.empty() ? 0 : nal[0] & 0x1F; }

// Bytes before the first start code are ignored; empty units are left out.
[[nodiscard]] std::vector<NalUnit> split_annexb(std::span<const std::uint8_t> bytes);

// Four-byte big-endian lengths that add up exactly.
[[nodiscard]] gstx::Result<std::vector<NalUnit>> split_avcc(std::span<const std::uint8_t> bytes);

[[nodiscard]] std::vector<std::uint8_t> join_annexb(std::span<const NalUnit> nals);
[[nodiscard]] std::vector<std::uint8_t> join_avcc(std::span<const NalUnit> nals);

[[nodiscard]] bool contains_idr(std::span<const NalUnit> nals);

struct ParameterSets {
  std::vector<std::uint8_t> sps;
  std::vector<std::uint8_t> pps;
  bool operator==(const ParameterSets&) const = default;
};

// The first set of each kind; `not_found` where one is missing.
[[nodiscard]] gstx::Result<ParameterSets> find_parameter_sets(std::span<const NalUnit> nals);

// AVCDecoderConfigurationRecord as wire_protocol.md 4.5 lays it out: one SPS, one PPS, no
// high-profile extension.
[[nodiscard]] gstx::Result<std::vector<std::uint8_t>> make_avcc_record(const ParameterSets& sets);

// "avc1.42c02a": profile, constraints and level of the SPS, for WebCodecs.
[[nodiscard]] gstx::Result<std::string> codec_string(NalUnit sps);

// The access unit with every SPS carrying `colour` and no reordering. An SPS that does not parse is
// an error: the caller passes the unit through as it came.
[[nodiscard]] gstx::Result<std::vector<std::uint8_t>> rewrite_annexb(
    std::span<const std::uint8_t> bytes, const VideoColour& colour);

}  // namespace napari::engine
