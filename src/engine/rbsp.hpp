// Bits of an H.264 parameter set: a reader that never leaves its span, a writer, and emulation
// prevention. Knows no syntax; sps.cpp does. Threads: any (values).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace napari::engine {

// Reading past the end yields zeros and makes `ok()` false for good, so a parser checks once a
// block and not once a bit.
class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint32_t bits(int count);  // 0..32, most significant first
  [[nodiscard]] bool flag() { return bits(1) != 0; }
  [[nodiscard]] std::uint32_t ue();  // Exp-Golomb, at most 2^32 - 2
  [[nodiscard]] std::int32_t se();
  void skip(int count) { static_cast<void>(bits(count)); }

  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] std::size_t position_bits() const { return position_; }
  // What is left is a stop bit and zeros, as rbsp_trailing_bits() asks.
  [[nodiscard]] bool at_trailing_bits() const;

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_{0};
  bool failed_{false};
};

class BitWriter {
 public:
  void bits(std::uint32_t value, int count);
  void flag(bool value) { bits(value ? 1 : 0, 1); }
  void ue(std::uint32_t value);  // below 2^32 - 1
  // Copies bits [begin, end) of `bytes`, which must hold them.
  void copy(std::span<const std::uint8_t> bytes, std::size_t begin, std::size_t end);
  // Appends the trailing bits and gives the bytes away.
  [[nodiscard]] std::vector<std::uint8_t> finish();

 private:
  std::vector<std::uint8_t> bytes_;
  int used_{0};  // bits used of the last byte; 0: none begun
};

// Drops the 03 of every 00 00 03, and puts it back.
[[nodiscard]] std::vector<std::uint8_t> remove_emulation_prevention(
    std::span<const std::uint8_t> nal);
[[nodiscard]] std::vector<std::uint8_t> add_emulation_prevention(
    std::span<const std::uint8_t> rbsp);

}  // namespace napari::engine
