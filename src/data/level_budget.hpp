// Which pyramid level fits a byte and a voxel budget. Pure. Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/image_source.hpp"

namespace napari::data {

struct LevelBudget {
  std::int64_t bytes_max{0};   // <= 0: no bound
  std::int64_t voxels_max{0};  // <= 0: no bound
};

// Voxels of the box that `axes` (indices of the displayed axes) span at this level, every other
// axis at one index.
[[nodiscard]] std::int64_t displayed_voxels(const Level& level, std::span<const int> axes);

// The finest level that fits both bounds; the one with the fewest voxels where none does.
[[nodiscard]] int finest_level_within(const std::vector<Level>& levels, std::span<const int> axes,
                                      const LevelBudget& budget);

// The level with the fewest displayed voxels (usually the last).
[[nodiscard]] int coarsest_level(const std::vector<Level>& levels, std::span<const int> axes);

}  // namespace napari::data
