// The arithmetic that every converter (SIMD, GL compute, CUDA) shares, so that they give the same codes: fixed-point factors, where
// a target pixel lies in a smaller source, and which conversions there are. Pure. Threads: any.
#pragma once

#include <cstdint>

#include "data/types.hpp"
#include "engine/color_convert.hpp"
#include "engine/simd/kernels.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

inline constexpr int kVideoExtentMax = 16384;

[[nodiscard]] simd::VideoFactors video_factors(ColorMatrix matrix);

// Where a target pixel's centre lies between two source pixels: weight / 32768 of the way from `index` to `index` + 1, or at `index`
// where that is the last.
struct VideoTap {
  std::int32_t index;
  std::int16_t weight;
};
[[nodiscard]] VideoTap video_tap(int pixel, int source_extent, int extent);

// `invalid_argument` as ColorConverter::convert states it, as far as sizes go.
[[nodiscard]] gstx::Result<void> check_video_size(data::CanvasSize source, VideoLayout layout,
                                                  data::CanvasSize target);

}  // namespace napari::engine
