// The bytes in front of an access unit on the pixel channel (docs/protocol.md, Pixel channel). Pure. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "data/encoded_frame.hpp"

namespace napari::control {

inline constexpr std::size_t kPixelHeaderBytes = 24;
inline constexpr std::size_t kPixelExtensionBytes = 48;

struct PixelStamps {
  std::uint32_t seq{0};
  double epoch_s{0};        // when the picture was drawn, Unix epoch
  std::int64_t sent_ns{0};  // CLOCK_MONOTONIC
};

class PixelHeader {
 public:
  // With the extension for our own clients, without it (reserved = 0) for the napari client.
  enum class Extension { none, own };

  PixelHeader(const data::EncodedFrame& frame, const PixelStamps& stamps, Extension extension);

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  void put(std::uint64_t value, int byte_count);

  std::array<std::uint8_t, kPixelHeaderBytes + kPixelExtensionBytes> bytes_{};
  std::size_t size_{0};
};

}  // namespace napari::control
