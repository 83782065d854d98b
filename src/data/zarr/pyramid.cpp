#include "data/zarr/pyramid.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "data/dispatch.hpp"
#include "data/parallel.hpp"
#include "data/roi.hpp"
#include "data/zarr/box_copy.hpp"

namespace napari::data::zarr {

namespace {

constexpr std::int64_t kHalveAbove = 64;
constexpr std::int64_t kCoarsestMax = 128;

std::int64_t longest_space(const std::vector<Axis>& axes, const std::vector<std::int64_t>& shape) {
  std::int64_t longest = 0;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (axes[axis].type == AxisType::space) longest = std::max(longest, shape[axis]);
  }
  return longest;
}

template <typename T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

// Of an integer sum of 2^n values, to the nearest, halves to even.
template <typename T>
T mean_of(Sum<T> sum, std::int64_t count) {
  if (count == 0) return std::numeric_limits<T>::quiet_NaN();  // integers always have a voxel
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(sum / static_cast<double>(count));
  } else {
    std::int64_t quotient = sum / count;
    std::int64_t rest = sum % count;
    if (rest < 0) {
      rest += count;
      --quotient;
    }
    if (2 * rest > count || (2 * rest == count && (quotient & 1) != 0)) ++quotient;
    return static_cast<T>(quotient);
  }
}

// The voxels of one coarse voxel: at most two along each axis.
struct Neighbourhood {
  std::vector<std::int64_t> first;   // index in the fine box
  std::vector<std::int64_t> extent;  // 1 or 2
};

template <typename T>
T mean_at(const T* fine, const Strides& strides, const Neighbourhood& box) {
  const std::size_t rank = box.first.size();
  std::int64_t base = 0;
  std::int64_t corners = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    base += box.first[axis] * strides[axis];
    corners *= box.extent[axis];
  }
  Sum<T> sum = 0;
  std::int64_t count = 0;
  for (std::int64_t corner = 0; corner < corners; ++corner) {
    std::int64_t offset = base;
    std::int64_t rest = corner;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (box.extent[axis] == 2) {
        offset += (rest & 1) * strides[axis];
        rest >>= 1;
      }
    }
    const T value = fine[offset];
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) continue;
    }
    sum += value;
    ++count;
  }
  return mean_of<T>(sum, count);
}

// `fine` is the region of the finer level that `coarse` (in the coarser level) covers.
template <typename T>
void mean_box(const T* fine, const Region& fine_region, const Region& coarse,
              const std::vector<std::int64_t>& halved, T* out, const Strides& out_strides) {
  const std::size_t rank = coarse.start.size();
  const Strides strides = c_strides(fine_region.shape);
  Neighbourhood box{std::vector<std::int64_t>(rank), std::vector<std::int64_t>(rank)};
  std::vector<std::int64_t> index(rank, 0);
  for (;;) {
    std::int64_t to = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      box.first[axis] = index[axis] * halved[axis];
      box.extent[axis] = std::min(halved[axis], fine_region.shape[axis] - box.first[axis]);
      to += index[axis] * out_strides[axis];
    }
    out[to] = mean_at(fine, strides, box);
    std::size_t axis = rank;
    for (;;) {
      if (axis == 0) return;
      --axis;
      if (++index[axis] < coarse.shape[axis]) break;
      index[axis] = 0;
    }
  }
}

gstx::Result<void> write_mean_chunk(const MeanParams& params, const Region& coarse) {
  const DType dtype = params.to.dtype();
  const std::size_t rank = coarse.start.size();
  Region fine;
  std::vector<std::int64_t> chunk_index(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    fine.start.push_back(coarse.start[axis] * params.halved[axis]);
    fine.shape.push_back(coarse.shape[axis] * params.halved[axis]);
    chunk_index[axis] = coarse.start[axis] / params.to.chunk()[axis];
  }
  fine = clamp(fine, params.from.metadata().shape);
  std::vector<std::byte> voxels(static_cast<std::size_t>(region_bytes(fine, dtype)));
  GSTX_TRY(params.from.read(fine, voxels, params.stop));
  const Region whole_chunk = whole(params.to.chunk());
  std::vector<std::byte> chunk(static_cast<std::size_t>(region_bytes(whole_chunk, dtype)));
  dispatch(dtype, [&]<typename T>() {
    mean_box(reinterpret_cast<const T*>(voxels.data()), fine, coarse, params.halved,
             reinterpret_cast<T*>(chunk.data()), c_strides(params.to.chunk()));
  });
  GSTX_TRY(params.to.write_chunk(chunk_index, chunk));
  if (params.on_voxels) params.on_voxels(coarse.voxels());
  return {};
}

}  // namespace

std::vector<PyramidLevel> plan_pyramid(const std::vector<Axis>& axes,
                                       std::vector<std::int64_t> shape, std::vector<double> scale,
                                       std::vector<double> translation) {
  std::vector<PyramidLevel> levels;
  levels.push_back({std::move(shape), std::vector<std::int64_t>(axes.size(), 1), std::move(scale),
                    std::move(translation)});
  while (longest_space(axes, levels.back().shape) > kCoarsestMax) {
    PyramidLevel next = levels.back();
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const bool halve = axes[axis].type == AxisType::space && next.shape[axis] > kHalveAbove;
      next.halved[axis] = halve ? 2 : 1;
      if (!halve) continue;
      next.shape[axis] = (next.shape[axis] + 1) / 2;
      next.translation[axis] += next.scale[axis] / 2;  // the centre of two voxels
      next.scale[axis] *= 2;
    }
    levels.push_back(std::move(next));
  }
  return levels;
}

gstx::Result<void> write_mean_level(const MeanParams& params) {
  const auto chunks = split_by_chunks(whole(params.to.shape()), params.to.chunk());
  return parallel_for(static_cast<std::int64_t>(chunks.size()), params.threads,
                      [&](std::int64_t index) {
                        return write_mean_chunk(params, chunks[static_cast<std::size_t>(index)]);
                      });
}

}  // namespace napari::data::zarr
