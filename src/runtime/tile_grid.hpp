// Cuts a displayed plane into tiles on the chunk grid, and says which a view needs. A tile's read covers the chunk's whole depth
// along the axes that are not displayed where that is small, so that stepping through a chunk reads it once.
// Pure. Threads: any (values).
#pragma once

#include <cstdint>
#include <vector>

#include "data/render_plan.hpp"
#include "data/types.hpp"
#include "runtime/slicing.hpp"

namespace napari::runtime {

inline constexpr std::int64_t kTileEdge = 256;       // voxels; rounded up to whole chunks
inline constexpr std::int64_t kChunkEdgeMax = 2048;  // larger chunks are read in parts of ...
inline constexpr std::int64_t kPartEdge = 1024;      // ... this edge
inline constexpr std::int64_t kSlabBytesMax = std::int64_t{8} << 20;

struct Tile {
  std::int64_t row{0}, column{0};  // position in the grid
  bool operator==(const Tile&) const = default;
};

// Half-open, in voxels of the plane.
struct PixelRect {
  std::int64_t y0{0}, x0{0}, y1{0}, x1{0};
  [[nodiscard]] bool is_empty() const { return y0 >= y1 || x0 >= x1; }
  bool operator==(const PixelRect&) const = default;
};

class TileGrid {
 public:
  explicit TileGrid(const LevelSlice& slice);

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t columns() const { return columns_; }
  [[nodiscard]] bool contains(Tile tile) const;
  [[nodiscard]] PixelRect rect(Tile tile) const;
  [[nodiscard]] data::Region region(Tile tile) const;  // what is read for it
  // Tiles that `pixels` touches, those nearest to its middle first; at most `count_max`.
  [[nodiscard]] std::vector<Tile> tiles_in(const PixelRect& pixels, std::size_t count_max) const;

 private:
  LevelSlice slice_;
  std::int64_t height_, width_;  // of a tile
  std::int64_t rows_, columns_;
};

// The voxels of the plane that the canvas shows, grown by the one that interpolation needs, clamped to the plane (empty
// where nothing is shown).
[[nodiscard]] PixelRect visible_pixels(const LevelSlice& slice, const data::PlaneView& view,
                                       data::CanvasSize canvas);

// Voxels per canvas pixel, along the worse axis.
[[nodiscard]] double oversampling(const LevelSlice& slice, double world_per_px);

}  // namespace napari::runtime
