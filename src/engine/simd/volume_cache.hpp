// What the MIP kernel needs beside the voxels and what is worth keeping between pictures: brick maxima gathered for each
// viewing axis, and single-precision copies of f64 blocks. Bounded; entries go with the blocks they come from.
// Threads: one caller at a time. Owns: the derived arrays.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/thread_pool.hpp"

namespace napari::engine::simd {

// For each axis k, [brick k][brick a][brick b]: the largest value that a ray advancing along k may meet while it is in one
// layer of bricks and starts (at its lowest a and b) in that brick: it moves by less than one brick sideways.
struct Reach {
  std::array<std::vector<float>, 3> by_axis;
};

class VolumeCache {
 public:
  [[nodiscard]] std::shared_ptr<const Reach> reach(
      const std::shared_ptr<const data::BrickMaxima>& bricks);
  // `block` itself unless it is f64.
  [[nodiscard]] data::VoxelBlockPtr drawable(const data::VoxelBlockPtr& block, ThreadPool& pool);

 private:
  struct ReachEntry {
    std::weak_ptr<const data::BrickMaxima> source;
    std::shared_ptr<const Reach> reach;
  };
  struct BlockEntry {
    std::weak_ptr<const data::VoxelBlock> source;
    data::VoxelBlockPtr block;
  };
  std::vector<ReachEntry> reaches_;
  std::vector<BlockEntry> blocks_;
};

}  // namespace napari::engine::simd
