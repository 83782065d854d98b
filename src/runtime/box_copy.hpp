// Strided copies between boxes of voxels: what permutes axes, cuts a plane out of a slab and joins margins. Pure.
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "data/types.hpp"
#include "runtime/slicing.hpp"

namespace napari::runtime {

// Where voxels lie in memory: voxel (z, y, x) is at first + z*stride[0] + y*stride[1] + x*stride[2], in voxels.
struct VoxelLayout {
  std::int64_t first{0};
  std::array<std::int64_t, 3> stride{0, 0, 0};
};

// The displayed layout of `region` (C order in data axes) read for `slice`; voxel (0, 0, 0) is the region's first displayed
// one, at the slice's index of every axis that is not displayed.
[[nodiscard]] VoxelLayout layout_of(const data::Region& region, const LevelSlice& slice);

// A tight box of this shape.
[[nodiscard]] VoxelLayout tight_layout(const std::array<std::int64_t, 3>& shape);

struct BoxCopy {
  const std::byte* from{nullptr};
  VoxelLayout from_layout;
  std::byte* to{nullptr};
  VoxelLayout to_layout;
  std::array<std::int64_t, 3> shape{0, 0, 0};  // z, y, x
  std::size_t voxel_bytes{1};                  // 1, 2, 4 or 8
};
void copy_box(const BoxCopy& copy);

}  // namespace napari::runtime
