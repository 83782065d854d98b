// Makes voxel blocks: aligned memory with the readable padding that SIMD gathers need, and an id
// that is never used twice. Not a cache and not a reader. Threads: any; a draft belongs to one
// thread until it is finished.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::data {

// A block whose voxels are still being written. `voxels` is uninitialised and stays valid while
// `memory` does.
struct BlockDraft {
  DType dtype{DType::u8};
  std::array<std::int64_t, 3> shape{1, 1, 1};
  std::shared_ptr<std::byte> memory;
  std::span<std::byte> voxels;  // shape[0]*shape[1]*shape[2]*byte_size(dtype), without the padding
};

// Shape in z, y, x, each >= 1. Fails with `unavailable` when the memory cannot be had.
[[nodiscard]] gstx::Result<BlockDraft> allocate_block(DType dtype,
                                                      std::array<std::int64_t, 3> shape);

// Gives the draft its id and makes it immutable.
[[nodiscard]] VoxelBlockPtr finish_block(BlockDraft draft);

// Bytes of the voxels, without the padding.
[[nodiscard]] std::int64_t block_bytes(const VoxelBlock& block);

}  // namespace napari::data
