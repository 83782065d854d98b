#include "runtime/tile_grid.hpp"

#include <algorithm>
#include <cmath>

#include "data/roi.hpp"

namespace napari::runtime {
namespace {

std::int64_t tile_edge(std::int64_t chunk, std::int64_t whole) {
  const std::int64_t edge =
      chunk > kChunkEdgeMax ? kPartEdge : chunk * std::max<std::int64_t>(1, kTileEdge / chunk);
  return std::min(edge, whole);
}

std::int64_t count(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

// floor(value), held in [low, high] before it becomes an integer.
std::int64_t held(double value, std::int64_t low, std::int64_t high) {
  return static_cast<std::int64_t>(
      std::clamp(std::floor(value), static_cast<double>(low), static_cast<double>(high)));
}

}  // namespace

TileGrid::TileGrid(const LevelSlice& slice)
    : slice_(slice),
      height_(tile_edge(slice.chunk[1], slice.shape[1])),
      width_(tile_edge(slice.chunk[2], slice.shape[2])),
      rows_(count(slice.shape[1], height_)),
      columns_(count(slice.shape[2], width_)) {}

bool TileGrid::contains(Tile tile) const {
  return tile.row >= 0 && tile.column >= 0 && tile.row < rows_ && tile.column < columns_;
}

PixelRect TileGrid::rect(Tile tile) const {
  return {tile.row * height_, tile.column * width_,
          std::min((tile.row + 1) * height_, slice_.shape[1]),
          std::min((tile.column + 1) * width_, slice_.shape[2])};
}

data::Region TileGrid::region(Tile tile) const {
  const PixelRect pixels = rect(tile);
  data::Region region{slice_.index, std::vector<std::int64_t>(slice_.index.size(), 1)};
  const auto rows = static_cast<std::size_t>(slice_.axes[1]);
  const auto columns = static_cast<std::size_t>(slice_.axes[2]);
  region.start[rows] = pixels.y0;
  region.shape[rows] = pixels.y1 - pixels.y0;
  region.start[columns] = pixels.x0;
  region.shape[columns] = pixels.x1 - pixels.x0;
  data::Region slab = region;
  for (std::size_t axis = 0; axis < slab.shape.size(); ++axis) {
    if (axis == rows || axis == columns) continue;
    const std::int64_t chunk = slice_.data_chunk[axis];
    slab.start[axis] = slice_.index[axis] / chunk * chunk;
    slab.shape[axis] = std::min(chunk, slice_.data_shape[axis] - slab.start[axis]);
  }
  return data::region_bytes(slab, slice_.dtype) <= kSlabBytesMax ? slab : region;
}

std::vector<Tile> TileGrid::tiles_in(const PixelRect& pixels, std::size_t count_max) const {
  std::vector<Tile> tiles;
  if (pixels.is_empty()) return tiles;
  const double middle_row =
      (static_cast<double>(pixels.y0 + pixels.y1) / 2) / static_cast<double>(height_) - 0.5;
  const double middle_column =
      (static_cast<double>(pixels.x0 + pixels.x1) / 2) / static_cast<double>(width_) - 0.5;
  // A window around the middle holds every tile that can be among the nearest, unless the view is very narrow.
  const double reach = 2 * std::ceil(std::sqrt(static_cast<double>(count_max)));
  const std::int64_t row_first = held(middle_row - reach, pixels.y0 / height_, rows_ - 1);
  const std::int64_t row_last = held(middle_row + reach, 0, (pixels.y1 - 1) / height_);
  const std::int64_t column_first = held(middle_column - reach, pixels.x0 / width_, columns_ - 1);
  const std::int64_t column_last = held(middle_column + reach, 0, (pixels.x1 - 1) / width_);
  for (std::int64_t row = row_first; row <= row_last; ++row)
    for (std::int64_t column = column_first; column <= column_last; ++column)
      tiles.push_back({row, column});
  const auto distance = [&](Tile tile) {
    return std::hypot(static_cast<double>(tile.row) - middle_row,
                      static_cast<double>(tile.column) - middle_column);
  };
  std::stable_sort(tiles.begin(), tiles.end(),
                   [&](Tile a, Tile b) { return distance(a) < distance(b); });
  if (tiles.size() > count_max) tiles.resize(count_max);
  return tiles;
}

PixelRect visible_pixels(const LevelSlice& slice, const data::PlaneView& view,
                         data::CanvasSize canvas) {
  const auto range = [&](std::size_t axis, double center, int canvas_px) {
    const double half = canvas_px * view.world_per_px / 2;
    const double low = (center - half - slice.origin[axis]) / slice.spacing[axis];
    const double high = (center + half - slice.origin[axis]) / slice.spacing[axis];
    const std::int64_t size = slice.shape[axis];
    if (!(high >= -0.5) || !(low < static_cast<double>(size) - 0.5))
      return std::array<std::int64_t, 2>{0, 0};
    // One voxel beyond on either side: bilinear interpolation reaches from floor(u) to floor(u) + 1.
    return std::array<std::int64_t, 2>{held(low, 0, size - 1), held(high + 2, 1, size)};
  };
  const auto rows = range(1, view.center[1], canvas.height_px);
  const auto columns = range(2, view.center[0], canvas.width_px);
  return {rows[0], columns[0], rows[1], columns[1]};
}

double oversampling(const LevelSlice& slice, double world_per_px) {
  double worst = 0;
  for (std::size_t i = 0; i < 3; ++i)
    if (slice.axes[i] != kNoAxis) worst = std::max(worst, world_per_px / slice.spacing[i]);
  return worst;
}

}  // namespace napari::runtime
