#include "engine/bitstream.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Result;

constexpr std::size_t kLengthBytes = 4;

// Position of the next 00 00 01 at or after `from`, or the size.
std::size_t find_start_code(std::span<const std::uint8_t> bytes, std::size_t from) {
  // The 01 is the rarest byte of the three: look for it, then back.
  std::size_t at = from + 2;
  while (at < bytes.size()) {
    const void* hit = std::memchr(bytes.data() + at, 1, bytes.size() - at);
    if (hit == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - bytes.data());
    if (bytes[at - 1] == 0 && bytes[at - 2] == 0) return at - 2;
    ++at;
  }
  return bytes.size();
}

NalUnit without_trailing_zeros(NalUnit nal) {
  while (!nal.empty() && nal.back() == 0) nal = nal.first(nal.size() - 1);
  return nal;
}

void append_length(std::vector<std::uint8_t>& out, std::size_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>((value >> static_cast<unsigned>(shift)) & 0xFFU));
}

std::size_t total_bytes(std::span<const NalUnit> nals) {
  std::size_t total = 0;
  for (const NalUnit nal : nals) total += kLengthBytes + nal.size();
  return total;
}

}  // namespace

std::vector<NalUnit> split_annexb(std::span<const std::uint8_t> bytes) {
  std::vector<NalUnit> nals;
  std::size_t start = find_start_code(bytes, 0);
  while (start < bytes.size()) {
    const std::size_t begin = start + 3;
    const std::size_t end = find_start_code(bytes, begin);
    const NalUnit nal = without_trailing_zeros(bytes.subspan(begin, end - begin));
    if (!nal.empty()) nals.push_back(nal);
    start = end;
  }
  return nals;
}

Result<std::vector<NalUnit>> split_avcc(std::span<const std::uint8_t> bytes) {
  std::vector<NalUnit> nals;
  while (!bytes.empty()) {
    if (bytes.size() < kLengthBytes)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} bytes left where a length should be", bytes.size()));
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length = (length << 8U) | bytes[i];
    bytes = bytes.subspan(kLengthBytes);
    if (length == 0 || length > bytes.size())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("a NAL unit of {} bytes in {}", length, bytes.size()));
    nals.push_back(bytes.first(length));
    bytes = bytes.subspan(length);
  }
  return nals;
}

std::vector<std::uint8_t> join_annexb(std::span<const NalUnit> nals) {
  std::vector<std::uint8_t> out;
  out.reserve(total_bytes(nals));
  for (const NalUnit nal : nals) {
    append_length(out, 1, 4);
    out.insert(out.end(), nal.begin(), nal.end());
  }
  return out;
}

std::vector<std::uint8_t> join_avcc(std::span<const NalUnit> nals) {
  std::vector<std::uint8_t> out;
  out.reserve(total_bytes(nals));
  for (const NalUnit nal : nals) {
    append_length(out, nal.size(), 4);
    out.insert(out.end(), nal.begin(), nal.end());
  }
  return out;
}

bool contains_idr(std::span<const NalUnit> nals) {
  return std::any_of(nals.begin(), nals.end(),
                     [](NalUnit nal) { return nal_type(nal) == kNalIdr; });
}

Result<ParameterSets> find_parameter_sets(std::span<const NalUnit> nals) {
  ParameterSets sets;
  for (const NalUnit nal : nals) {
    if (nal_type(nal) == kNalSps && sets.sps.empty()) sets.sps.assign(nal.begin(), nal.end());
    if (nal_type(nal) == kNalPps && sets.pps.empty()) sets.pps.assign(nal.begin(), nal.end());
  }
  if (sets.sps.empty() || sets.pps.empty())
    return fail(ErrorCode::not_found, sets.sps.empty()
                                          ? "no sequence parameter set in the access unit"
                                          : "no picture parameter set in the access unit");
  return sets;
}

Result<std::vector<std::uint8_t>> make_avcc_record(const ParameterSets& sets) {
  constexpr std::size_t kSetBytesMax = 0xFFFF;
  if (sets.sps.size() < 4 || sets.sps.size() > kSetBytesMax || sets.pps.empty() ||
      sets.pps.size() > kSetBytesMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("parameter sets of {} and {} bytes do not fit the record",
                            sets.sps.size(), sets.pps.size()));
  std::vector<std::uint8_t> record{1, sets.sps[1], sets.sps[2], sets.sps[3], 0xFF, 0xE1};
  append_length(record, sets.sps.size(), 2);
  record.insert(record.end(), sets.sps.begin(), sets.sps.end());
  record.push_back(1);
  append_length(record, sets.pps.size(), 2);
  record.insert(record.end(), sets.pps.begin(), sets.pps.end());
  return record;
}

Result<std::string> codec_string(NalUnit sps) {
  if (sps.size() < 4 || nal_type(sps) != kNalSps)
    return fail(ErrorCode::invalid_argument, "not a sequence parameter set");
  return fmt::format("avc1.{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]);
}

Result<std::vector<std::uint8_t>> rewrite_annexb(std::span<const std::uint8_t> bytes,
                                                 const VideoColour& colour) {
  std::vector<NalUnit> nals = split_annexb(bytes);
  std::vector<std::vector<std::uint8_t>> rewritten;
  rewritten.reserve(nals.size());
  for (NalUnit& nal : nals) {
    if (nal_type(nal) != kNalSps) continue;
    GSTX_ASSIGN_OR_RETURN(auto set, rewrite_sps(nal, colour));
    rewritten.push_back(std::move(set));
    nal = rewritten.back();
  }
  return join_annexb(nals);
}

}  // namespace napari::engine
