// Copies voxels between N-D boxes of memory with strides, swaps bytes, repeats a fill value. Pure.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace napari::data::zarr {

using Strides = std::vector<std::int64_t>;  // in voxels, one an axis

[[nodiscard]] Strides c_strides(std::span<const std::int64_t> shape);
[[nodiscard]] Strides f_strides(std::span<const std::int64_t> shape);

// `shape` voxels of `item` bytes (1, 2, 4 or 8). Both pointers are at the first voxel.
struct BoxCopy {
  const std::byte* from;
  const Strides& from_strides;
  std::byte* to;
  const Strides& to_strides;
  std::span<const std::int64_t> shape;
  std::size_t item;
};
void copy_box(const BoxCopy& copy);

// `fill` is one voxel.
void fill_box(std::span<const std::byte> fill, std::byte* to, const Strides& to_strides,
              std::span<const std::int64_t> shape);

// Reverses the bytes of every voxel.
void swap_bytes(std::span<std::byte> voxels, std::size_t item);

}  // namespace napari::data::zarr
