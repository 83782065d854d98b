#include "engine/test_pattern.hpp"

#include <array>
#include <cstring>

#include "engine/frame_barcode.hpp"

namespace napari::engine {
namespace {

constexpr std::uint32_t kOpaque = 0xff000000U;

constexpr std::uint32_t rgb(std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
  return red | green << 8 | blue << 16 | kOpaque;
}

// White, yellow, cyan, green, magenta, red, blue, black at 75 %.
constexpr std::array<std::uint32_t, 8> kBars{rgb(191, 191, 191), rgb(191, 191, 0), rgb(0, 191, 191),
                                             rgb(0, 191, 0),     rgb(191, 0, 191), rgb(191, 0, 0),
                                             rgb(0, 0, 191),     rgb(0, 0, 0)};

// Well mixed and stateless: each pixel of each frame stands alone.
constexpr std::uint32_t mixed(std::uint32_t value) {
  value ^= value >> 16;
  value *= 0x7feb352dU;
  value ^= value >> 15;
  value *= 0x846ca68bU;
  return value ^ value >> 16;
}

struct Row {
  std::uint8_t* bytes;
  std::uint32_t y;
  std::uint32_t width;
  std::uint32_t height;
};

// memcpy, since a row may start at any address.
template <typename Pixel>
void paint(const Row& row, const Pixel& pixel) {
  for (std::uint32_t x = 0; x < row.width; ++x) {
    const std::uint32_t value = pixel(x);
    std::memcpy(row.bytes + static_cast<std::size_t>(x) * 4, &value, sizeof(value));
  }
}

void paint_gradient(const Row& row, std::uint32_t frame) {
  const std::uint32_t shift = 2 * frame;
  const std::uint32_t step_x = (256U << 16) / row.width;
  const std::uint32_t green = row.y * 255 / (row.height > 1 ? row.height - 1 : 1);
  paint(row, [&](std::uint32_t x) {
    const std::uint32_t red = ((x + shift) % row.width) * step_x >> 16;
    return rgb(red, green, 255 - red);
  });
}

void paint_bars(const Row& row, std::uint32_t frame) {
  const std::uint32_t line = 4 * (frame % (row.width / 4 + 1));
  paint(row, [&](std::uint32_t x) {
    if (x >= line && x < line + 4) return rgb(255, 255, 255);
    return kBars[static_cast<std::uint64_t>(x) * 8 / row.width];
  });
}

void paint_checker(const Row& row, std::uint32_t frame) {
  paint(row, [&](std::uint32_t x) {
    return (((x + frame) / 32 + row.y / 32) & 1) != 0 ? rgb(235, 235, 235) : rgb(32, 32, 32);
  });
}

void paint_noise(const Row& row, std::uint32_t frame) {
  const std::uint32_t seed = mixed(mixed(frame) + row.y);
  paint(row, [&](std::uint32_t x) { return mixed(seed + x) | kOpaque; });
}

}  // namespace

void draw_test_pattern(TestPattern pattern, std::uint64_t frame, std::span<std::uint8_t> rgba,
                       std::size_t stride_bytes, data::CanvasSize size) {
  const auto number = static_cast<std::uint32_t>(frame);
  for (int y = 0; y < size.height_px; ++y) {
    const Row row{rgba.data() + static_cast<std::size_t>(y) * stride_bytes,
                  static_cast<std::uint32_t>(y), static_cast<std::uint32_t>(size.width_px),
                  static_cast<std::uint32_t>(size.height_px)};
    switch (pattern) {
      case TestPattern::gradient:
      case TestPattern::barcode:
        paint_gradient(row, number);
        break;
      case TestPattern::bars:
        paint_bars(row, number);
        break;
      case TestPattern::checker:
        paint_checker(row, number);
        break;
      case TestPattern::noise:
        paint_noise(row, number);
        break;
    }
  }
  if (pattern == TestPattern::barcode) draw_barcode({rgba, stride_bytes, size, size}, frame);
}

}  // namespace napari::engine
