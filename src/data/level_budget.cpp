#include "data/level_budget.hpp"

#include "data/roi.hpp"

namespace napari::data {

namespace {

Region displayed_region(const Level& level, std::span<const int> axes) {
  Region region;
  for (const int axis : axes) {
    region.start.push_back(0);
    region.shape.push_back(level.shape[static_cast<std::size_t>(axis)]);
  }
  return region;
}

}  // namespace

std::int64_t displayed_voxels(const Level& level, std::span<const int> axes) {
  return displayed_region(level, axes).voxels();
}

int finest_level_within(const std::vector<Level>& levels, std::span<const int> axes,
                        const LevelBudget& budget) {
  for (std::size_t index = 0; index < levels.size(); ++index) {
    const Region region = displayed_region(levels[index], axes);
    const bool bytes_fit =
        budget.bytes_max <= 0 || region_bytes(region, levels[index].dtype) <= budget.bytes_max;
    const bool voxels_fit = budget.voxels_max <= 0 || region.voxels() <= budget.voxels_max;
    if (bytes_fit && voxels_fit) return static_cast<int>(index);
  }
  return coarsest_level(levels, axes);
}

int coarsest_level(const std::vector<Level>& levels, std::span<const int> axes) {
  std::size_t best = 0;
  for (std::size_t index = 1; index < levels.size(); ++index) {
    if (displayed_voxels(levels[index], axes) < displayed_voxels(levels[best], axes)) best = index;
  }
  return static_cast<int>(best);
}

}  // namespace napari::data
