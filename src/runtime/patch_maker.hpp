// Makes drawable patches out of what was read: cuts the shown plane out of a tile's slab and joins one voxel of margin from the
// neighbours that are there, so that interpolation shows no seams. Keeps what the last two plans used.
// Threads: one (render). Owns the patches' blocks together with the plans that hold them.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "data/render_plan.hpp"
#include "runtime/tile_grid.hpp"

namespace napari::runtime {

// The slabs of a tile and of its eight neighbours, row by row, the tile itself in the middle. Null: not there.
using Neighbourhood = std::array<data::VoxelBlockPtr, 9>;
inline constexpr std::size_t kCentre = 4;

class PatchMaker {
 public:
  // `blocks[kCentre]` is set. Null-block patch where memory cannot be had.
  [[nodiscard]] data::PlanePatch make(const LevelSlice& slice, const TileGrid& grid, Tile tile,
                                      const Neighbourhood& blocks);
  // A plan is complete: forgets patches that neither it nor the one before used.
  void end_plan();
  [[nodiscard]] std::size_t size() const { return patches_.size(); }

 private:
  struct Key {
    std::array<std::uint64_t, 9> ids{};
    std::vector<std::int64_t> index;
    std::array<int, 3> axes{};
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Entry {
    data::PlanePatch patch;
    std::uint64_t used{0};
  };

  std::unordered_map<Key, Entry, KeyHash> patches_;
  std::uint64_t plan_{1};
};

}  // namespace napari::runtime
