#include "engine/rbsp.hpp"

#include <bit>

namespace napari::engine {

std::uint32_t BitReader::bits(int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const std::size_t byte = position_ / 8;
    if (byte >= bytes_.size()) {
      failed_ = true;
      return 0;
    }
    const unsigned bit = (bytes_[byte] >> (7U - position_ % 8)) & 1U;
    value = (value << 1U) | bit;
    ++position_;
  }
  return value;
}

std::uint32_t BitReader::ue() {
  int zeros = 0;
  while (ok() && !flag()) {
    if (++zeros > 31) {
      failed_ = true;
      return 0;
    }
  }
  if (!ok()) return 0;
  return (1U << static_cast<unsigned>(zeros)) - 1U + bits(zeros);
}

std::int32_t BitReader::se() {
  const std::uint32_t code = ue();
  const auto magnitude = static_cast<std::int64_t>((static_cast<std::uint64_t>(code) + 1) / 2);
  return static_cast<std::int32_t>((code & 1U) != 0 ? magnitude : -magnitude);
}

bool BitReader::at_trailing_bits() const {
  BitReader rest = *this;
  if (!rest.flag() || !rest.ok()) return false;
  while (rest.position_ < bytes_.size() * 8) {
    if (rest.flag()) return false;
  }
  return true;
}

void BitWriter::bits(std::uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    if (used_ == 0) bytes_.push_back(0);
    const unsigned bit = (value >> static_cast<unsigned>(i)) & 1U;
    bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (bit << (7U - used_)));
    used_ = (used_ + 1) % 8;
  }
}

void BitWriter::ue(std::uint32_t value) {
  const std::uint32_t code = value + 1;
  const int length = static_cast<int>(std::bit_width(code));
  bits(0, length - 1);
  bits(code, length);
}

void BitWriter::copy(std::span<const std::uint8_t> bytes, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) bits((bytes[i / 8] >> (7U - i % 8)) & 1U, 1);
}

std::vector<std::uint8_t> BitWriter::finish() {
  bits(1, 1);
  used_ = 0;
  return std::move(bytes_);
}

std::vector<std::uint8_t> remove_emulation_prevention(std::span<const std::uint8_t> nal) {
  std::vector<std::uint8_t> rbsp;
  rbsp.reserve(nal.size());
  int zeros = 0;
  for (const std::uint8_t byte : nal) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    rbsp.push_back(byte);
  }
  return rbsp;
}

std::vector<std::uint8_t> add_emulation_prevention(std::span<const std::uint8_t> rbsp) {
  std::vector<std::uint8_t> nal;
  nal.reserve(rbsp.size() + rbsp.size() / 64 + 1);
  int zeros = 0;
  for (const std::uint8_t byte : rbsp) {
    if (zeros >= 2 && byte <= 3) {
      nal.push_back(3);
      zeros = 0;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    nal.push_back(byte);
  }
  // A NAL unit must not end in a zero byte.
  if (!nal.empty() && nal.back() == 0) nal.push_back(3);
  return nal;
}

}  // namespace napari::engine
