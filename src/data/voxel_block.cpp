#include "data/voxel_block.hpp"

#include <atomic>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include <fmt/format.h>

namespace napari::data {

namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

std::uint64_t next_block_id() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

gstx::Result<BlockDraft> allocate_block(DType dtype, std::array<std::int64_t, 3> shape) {
  std::size_t bytes = byte_size(dtype);
  for (const std::int64_t extent : shape) {
    std::size_t product = 0;
    if (extent < 1 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(extent), &product) ||
        product > std::numeric_limits<std::size_t>::max() / 2) {
      return gstx::fail(gstx::ErrorCode::invalid_argument,
                        fmt::format("a block of {} x {} x {} voxels cannot be made", shape[0],
                                    shape[1], shape[2]));
    }
    bytes = product;
  }
  void* memory = ::operator new(bytes + kOverReadBytes, kAlignment, std::nothrow);
  if (memory == nullptr) {
    return gstx::fail(gstx::ErrorCode::unavailable,
                      fmt::format("out of memory: no {} bytes for a block", bytes));
  }
  auto* first = static_cast<std::byte*>(memory);
  std::memset(first + bytes, 0, kOverReadBytes);
  BlockDraft draft{.dtype = dtype, .shape = shape, .memory = {}, .voxels = {first, bytes}};
  draft.memory = std::shared_ptr<std::byte>(
      first, [](std::byte* pointer) { ::operator delete(pointer, kAlignment); });
  return draft;
}

VoxelBlockPtr finish_block(BlockDraft draft) {
  auto block = std::make_shared<VoxelBlock>();
  block->id = next_block_id();
  block->dtype = draft.dtype;
  block->shape = draft.shape;
  block->voxels = std::move(draft.memory);
  return block;
}

std::int64_t block_bytes(const VoxelBlock& block) {
  return block.shape[0] * block.shape[1] * block.shape[2] *
         static_cast<std::int64_t>(byte_size(block.dtype));
}

}  // namespace napari::data
