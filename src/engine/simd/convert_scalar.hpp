// The conversions of convert_kernel.cpp one pixel at a time, with the same fixed-point arithmetic: for machines without any
// of the instruction sets that are compiled for, and as a second opinion in tests. Threads: any.
#pragma once

#include <cstdint>

#include "engine/simd/kernels.hpp"

namespace napari::engine::simd::scalar {

// Components times 256.
struct Rgb256 {
  std::uint32_t red, green, blue;
};

inline std::uint32_t part(std::uint32_t value256, std::uint16_t factor) {
  return value256 * factor >> 16;
}

inline std::uint8_t luma(const VideoFactors& f, const Rgb256& c) {
  const std::uint32_t sum =
      part(c.red, f.y_red) + part(c.green, f.y_green) + part(c.blue, f.y_blue);
  return static_cast<std::uint8_t>((sum + 16 * 256 + 128 + 1) >> 8);
}
inline std::uint8_t chroma_blue(const VideoFactors& f, const Rgb256& c) {
  const std::uint32_t less = part(c.red, f.cb_red) + part(c.green, f.cb_green);
  return static_cast<std::uint8_t>((part(c.blue, f.cb_blue) + 128 * 256 + 128 - less) >> 8);
}
inline std::uint8_t chroma_red(const VideoFactors& f, const Rgb256& c) {
  const std::uint32_t less = part(c.green, f.cr_green) + part(c.blue, f.cr_blue);
  return static_cast<std::uint8_t>((part(c.red, f.cr_red) + 128 * 256 + 128 - less) >> 8);
}

inline Rgb256 pixel(const std::uint8_t* rgba) {
  return {rgba[0] * 256U, rgba[1] * 256U, rgba[2] * 256U};
}

inline void to_420(const VideoFactors& factors, const RowsTo420& rows, int width,
                   ChromaPacking packing) {
  const int step = packing == ChromaPacking::interleaved ? 2 : 1;
  for (int x = 0; x < width; x += 2) {
    Rgb256 mean{0, 0, 0};
    for (int i = 0; i < 4; ++i) {
      const Rgb256 c = pixel(rows.rgba[i / 2] + 4 * (x + i % 2));
      rows.y[i / 2][x + i % 2] = luma(factors, c);
      mean = {mean.red + c.red / 4, mean.green + c.green / 4, mean.blue + c.blue / 4};
    }
    rows.cb[x / 2 * step] = chroma_blue(factors, mean);
    (step == 2 ? rows.cb + x + 1 : rows.cr + x / 2)[0] = chroma_red(factors, mean);
  }
}

inline void to_444(const VideoFactors& factors, const RowTo444& row, int width) {
  for (int x = 0; x < width; ++x) {
    const Rgb256 c = pixel(row.rgba + 4 * x);
    row.y[x] = luma(factors, c);
    row.cb[x] = chroma_blue(factors, c);
    row.cr[x] = chroma_red(factors, c);
  }
}

inline int mixed(int a, int b, int weight) { return a + (((b - a) * weight + (1 << 14)) >> 15); }

inline void enlarge(const EnlargedRow& row, int width, std::uint8_t* rgba) {
  const int last = 4 * (row.source_width - 1);
  const auto blended = [&](int i) {
    return mixed(row.above[i] << 7, row.below[i] << 7, row.below_weight);
  };
  for (int x = 0; x < width; ++x) {
    for (int c = 0; c < 4; ++c) {
      const int left = 4 * row.index[x];
      const int right = left < last ? left + 4 : left;
      rgba[4 * x + c] = static_cast<std::uint8_t>(
          (mixed(blended(left + c), blended(right + c), row.weight[4 * x]) + 64) >> 7);
    }
  }
}

}  // namespace napari::engine::simd::scalar
