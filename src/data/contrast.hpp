// Contrast limits to start with, and where values may lie. From the author's window (OME `omero`) where there is one, else from the
// voxels of the coarsest level, at most kSampleBytes of them. Data values, native.
// Threads: any; reads, so it belongs on a loader thread.
#pragma once

#include <array>
#include <stop_token>
#include <vector>

#include "data/image_source.hpp"
#include "gstx/result.hpp"

namespace napari::data {

inline constexpr std::int64_t kSampleBytes = 64 << 20;
inline constexpr double kPercentileLow = 0.5;
inline constexpr double kPercentileHigh = 99.5;

struct Contrast {
  std::array<double, 2> limits{0, 1};  // low < high, finite
  std::array<double, 2> range{0, 1};   // contains the limits: for sliders
};

// Number of channels: the extent of the channel axis, 1 without one.
[[nodiscard]] std::int64_t channel_count(const ImageInfo& info);

// Of one channel (0 for an image without that axis).
[[nodiscard]] gstx::Result<Contrast> measure_contrast(const ImageSource& source,
                                                      std::int64_t channel, std::stop_token stop);

// Of finite values in any order, which it changes; percentiles interpolate linearly, as numpy's. Degenerate ones fall back to
// min and max, then to 0..1.
[[nodiscard]] std::array<double, 2> limits_of(std::vector<double>& values);

}  // namespace napari::data
