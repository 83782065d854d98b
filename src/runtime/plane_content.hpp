// 2-D: which tiles of which levels a view needs, and the patches of those that are there. The coarsest level's tiles come first
// and stay; the level that fits the magnification is drawn over it as it comes.
// Threads: one (render). Owns the patches; the voxels are the cache's.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/content.hpp"
#include "runtime/patch_maker.hpp"
#include "runtime/tile_grid.hpp"

namespace napari::runtime {

struct PlaneQuery {
  const Subject& subject;
  data::PlaneView view;
  data::CanvasSize canvas;
  int level{0};  // what fits the magnification
  int coarsest{0};
  std::int64_t now_ns{0};
  int scrub_axis{
      kNoAxis};  // the data axis being stepped through, and where to: neighbours are read ahead
  int scrub_step{0};
};

class PlaneContent {
 public:
  explicit PlaneContent(Stores stores) : stores_(stores) {}

  [[nodiscard]] Content gather(const PlaneQuery& query);
  void end_plan() { maker_.end_plan(); }

 private:
  struct LevelTiles {
    const LevelSlice& slice;
    TileGrid grid;
    std::vector<Tile> tiles;  // in view
  };
  [[nodiscard]] LevelTiles tiles_of(const PlaneQuery& query, const LevelSlice& slice,
                                    std::size_t count_max) const;
  [[nodiscard]] data::VoxelBlockPtr find(const PlaneQuery& query, const LevelTiles& level,
                                         Tile tile) const;
  // Asks for the tiles that are not there; returns how many are still to come.
  int ask(const PlaneQuery& query, const LevelTiles& level, int priority, Content& content) const;
  void add_patches(const PlaneQuery& query, const LevelTiles& level, Content& content);
  void read_ahead(const PlaneQuery& query, const LevelTiles& level, Content& content) const;
  void keep_coarsest(const PlaneQuery& query, const LevelTiles& coarse, Content& content);

  Stores stores_;
  PatchMaker maker_;
  std::vector<data::ChunkKey> pinned_;
};

// Requests for a whole level, slab by slab; empty where it is larger than `bytes_max` or has too many slabs.
[[nodiscard]] std::vector<LoadRequest> whole_level(const Subject& subject, int level,
                                                   std::int64_t bytes_max);

}  // namespace napari::runtime
