// The levels of a multiscale image and how a coarser one is made: the mean of 2 voxels along every halved axis. Integers are
// rounded half to even; NaN is left out of the mean; a last voxel without a partner stands for itself.
// Threads: any; `write_mean_level` spreads its work over `threads`.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "data/image_source.hpp"
#include "data/zarr/array_reader.hpp"
#include "data/zarr/array_writer.hpp"

namespace napari::data::zarr {

struct PyramidLevel {
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> halved;  // 1 or 2 an axis, against the level before
  std::vector<double> scale;
  std::vector<double> translation;
};

// Space axes longer than 64 are halved until the longest is at most 128.
[[nodiscard]] std::vector<PyramidLevel> plan_pyramid(const std::vector<Axis>& axes,
                                                     std::vector<std::int64_t> shape,
                                                     std::vector<double> scale,
                                                     std::vector<double> translation);

struct MeanParams {
  const ArrayReader& from;
  const ArrayWriter& to;
  std::vector<std::int64_t> halved;
  int threads{1};
  std::stop_token stop;
  std::function<void(std::int64_t)>
      on_voxels;  // voxels written since the last call; from any of the threads
};
[[nodiscard]] gstx::Result<void> write_mean_level(const MeanParams& params);

}  // namespace napari::data::zarr
