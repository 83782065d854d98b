#include "engine/simd/volume_cache.hpp"

#include <algorithm>

#include "engine/simd/kernels.hpp"

namespace napari::engine::simd {
namespace {

constexpr std::size_t kEntriesMax = 8;

// Drops what died, then the oldest, so that one more fits.
template <typename Entries>
void make_room(Entries& entries) {
  std::erase_if(entries, [](const auto& entry) { return entry.source.expired(); });
  if (entries.size() >= kEntriesMax) entries.erase(entries.begin());
}

std::vector<float> reach_along(const data::BrickMaxima& bricks, std::size_t k) {
  const std::size_t a = k == 0 ? 1 : 0;
  const std::size_t b = k == 2 ? 1 : 2;
  const std::array<std::int64_t, 3> stride{bricks.shape[1] * bricks.shape[2], bricks.shape[2], 1};
  std::vector<float> reach;
  reach.reserve(bricks.max.size());
  for (std::int64_t ik = 0; ik < bricks.shape[k]; ++ik) {
    for (std::int64_t ia = 0; ia < bricks.shape[a]; ++ia) {
      for (std::int64_t ib = 0; ib < bricks.shape[b]; ++ib) {
        const std::int64_t at = ik * stride[k] + ia * stride[a] + ib * stride[b];
        const std::int64_t next_a = ia + 1 < bricks.shape[a] ? stride[a] : 0;
        const std::int64_t next_b = ib + 1 < bricks.shape[b] ? stride[b] : 0;
        reach.push_back(std::max({bricks.max[at], bricks.max[at + next_a], bricks.max[at + next_b],
                                  bricks.max[at + next_a + next_b]}));
      }
    }
  }
  return reach;
}

data::VoxelBlockPtr single_precision(const data::VoxelBlock& source, ThreadPool& pool) {
  const std::int64_t row = source.shape[2];
  const std::int64_t rows = source.shape[0] * source.shape[1];
  const std::size_t count =
      static_cast<std::size_t>(row * rows) + data::kOverReadBytes / sizeof(float);
  std::shared_ptr<float[]> copy(new float[count]);
  const auto* voxels = source.voxels.get();
  constexpr std::int64_t kRowsATile = 64;
  const auto tiles = static_cast<int>((rows + kRowsATile - 1) / kRowsATile);
  pool.run(
      tiles,
      [&](int tile) {
        const std::int64_t first = tile * kRowsATile;
        for (std::int64_t y = first; y < std::min(rows, first + kRowsATile); ++y) {
          load_row(data::DType::f64, voxels + y * row * 8, static_cast<int>(row),
                   copy.get() + y * row);
        }
      },
      std::stop_token());
  auto block = std::make_shared<data::VoxelBlock>();
  block->id = source.id;
  block->dtype = data::DType::f32;
  block->shape = source.shape;
  block->voxels =
      std::shared_ptr<const std::byte>(copy, reinterpret_cast<const std::byte*>(copy.get()));
  return block;
}

}  // namespace

std::shared_ptr<const Reach> VolumeCache::reach(
    const std::shared_ptr<const data::BrickMaxima>& bricks) {
  for (const ReachEntry& entry : reaches_) {
    if (entry.source.lock() == bricks) return entry.reach;
  }
  make_room(reaches_);
  auto reach = std::make_shared<Reach>();
  for (std::size_t k = 0; k < 3; ++k) reach->by_axis[k] = reach_along(*bricks, k);
  reaches_.push_back({bricks, reach});
  return reach;
}

data::VoxelBlockPtr VolumeCache::drawable(const data::VoxelBlockPtr& block, ThreadPool& pool) {
  if (block->dtype != data::DType::f64) return block;
  for (const BlockEntry& entry : blocks_) {
    if (entry.source.lock() == block) return entry.block;
  }
  make_room(blocks_);
  blocks_.push_back({block, single_precision(*block, pool)});
  return blocks_.back().block;
}

}  // namespace napari::engine::simd
