#include "runtime/plane_content.hpp"

#include <algorithm>

#include "data/roi.hpp"

namespace napari::runtime {
namespace {

constexpr std::size_t kTilesMax = 256;       // of the level in view
constexpr std::size_t kCoarseTilesMax = 64;  // of any other
constexpr std::size_t kPatchesMax = 512;
constexpr std::int64_t kWholeLevelBytesMax = std::int64_t{64} << 20;
constexpr std::size_t kWholeLevelSlabsMax = 1024;
constexpr int kAheadPlanes = 3;

LoadRequest tile_request(const Subject& subject, const LevelSlice& slice, data::Region region,
                         int priority) {
  LoadRequest request;
  request.key.chunk = {subject.dataset, slice.level, std::move(region)};
  request.source = subject.source;
  request.priority = priority;
  request.slice = slice;
  return request;
}

// Moves `slice` to the next slab along the axes that are not displayed; false after the last.
bool next_slab(LevelSlice& slice) {
  for (std::size_t axis = slice.index.size(); axis-- > 0;) {
    if (std::find(slice.axes.begin(), slice.axes.end(), static_cast<int>(axis)) != slice.axes.end())
      continue;
    const data::Region region = TileGrid(slice).region({0, 0});
    slice.index[axis] = region.start[axis] + region.shape[axis];
    if (slice.index[axis] < slice.data_shape[axis]) return true;
    slice.index[axis] = 0;
  }
  return false;
}

}  // namespace

std::vector<LoadRequest> whole_level(const Subject& subject, int level, std::int64_t bytes_max) {
  std::vector<LoadRequest> requests;
  LevelSlice slice = subject.slicing.levels[static_cast<std::size_t>(level)];
  if (data::region_bytes(data::whole(slice.data_shape), slice.dtype) > bytes_max) return requests;
  std::fill(slice.index.begin(), slice.index.end(), 0);
  do {
    const TileGrid grid(slice);
    for (std::int64_t row = 0; row < grid.rows(); ++row)
      for (std::int64_t column = 0; column < grid.columns(); ++column) {
        if (requests.size() >= kWholeLevelSlabsMax) return {};
        requests.push_back(tile_request(subject, slice, grid.region({row, column}), 3));
        requests.back().pin = data::Pin::yes;
      }
  } while (next_slab(slice));
  return requests;
}

PlaneContent::LevelTiles PlaneContent::tiles_of(const PlaneQuery& query, const LevelSlice& slice,
                                                std::size_t count_max) const {
  LevelTiles level{slice, TileGrid(slice), {}};
  // What is in view and what is read ahead of it have to fit beside each other, else they would push each other out.
  const std::int64_t tile_bytes = data::region_bytes(level.grid.region({0, 0}), slice.dtype);
  const std::int64_t fitting = std::max<std::int64_t>(
      1, stores_.cache.stats().bytes_max / 4 / std::max<std::int64_t>(1, tile_bytes));
  level.tiles = level.grid.tiles_in(visible_pixels(slice, query.view, query.canvas),
                                    std::min(count_max, static_cast<std::size_t>(fitting)));
  return level;
}

data::VoxelBlockPtr PlaneContent::find(const PlaneQuery& query, const LevelTiles& level,
                                       Tile tile) const {
  if (!level.grid.contains(tile)) return nullptr;
  return stores_.cache.find({query.subject.dataset, level.slice.level, level.grid.region(tile)});
}

int PlaneContent::ask(const PlaneQuery& query, const LevelTiles& level, int priority,
                      Content& content) const {
  int coming = 0;
  for (const Tile tile : level.tiles) {
    auto request = tile_request(query.subject, level.slice, level.grid.region(tile), priority);
    if (stores_.cache.holds(request.key.chunk) ||
        stores_.failed.is_given_up(request.key, query.now_ns))
      continue;
    if (level.slice.level == query.coarsest) request.pin = data::Pin::yes;
    content.wanted.push_back(std::move(request));
    ++coming;
  }
  return coming;
}

void PlaneContent::add_patches(const PlaneQuery& query, const LevelTiles& level, Content& content) {
  for (const Tile tile : level.tiles) {
    if (content.patches.size() >= kPatchesMax) return;
    Neighbourhood blocks;
    blocks[kCentre] = find(query, level, tile);
    if (!blocks[kCentre]) continue;
    for (std::int64_t i = 0; i < 9; ++i)
      if (i != static_cast<std::int64_t>(kCentre))
        blocks[static_cast<std::size_t>(i)] =
            find(query, level, {tile.row + i / 3 - 1, tile.column + i % 3 - 1});
    auto patch = maker_.make(level.slice, level.grid, tile, blocks);
    if (!patch.block) continue;
    content.patches.push_back(std::move(patch));
    content.level = level.slice.level;
  }
}

void PlaneContent::read_ahead(const PlaneQuery& query, const LevelTiles& level,
                              Content& content) const {
  const auto cache = stores_.cache.stats();
  const std::int64_t tile_bytes = data::region_bytes(level.grid.region({0, 0}), level.slice.dtype);
  const auto planes = static_cast<std::int64_t>(level.tiles.size() + 1) * (4 + kAheadPlanes);
  if (tile_bytes > cache.bytes_max / 2 / planes) return;
  PlaneQuery wider = query;
  wider.canvas = {query.canvas.width_px + query.canvas.width_px / 2,
                  query.canvas.height_px + query.canvas.height_px / 2};
  ask(query, tiles_of(wider, level.slice, kTilesMax), 2, content);
  if (query.scrub_axis == kNoAxis) return;
  const auto axis = static_cast<std::size_t>(query.scrub_axis);
  for (int ahead = 1; ahead <= kAheadPlanes; ++ahead) {
    LevelSlice slice = level.slice;
    slice.index[axis] += std::int64_t{ahead} * query.scrub_step;
    if (slice.index[axis] < 0 || slice.index[axis] >= slice.data_shape[axis]) return;
    ask(query, tiles_of(query, slice, kTilesMax), 2, content);
  }
}

void PlaneContent::keep_coarsest(const PlaneQuery& query, const LevelTiles& coarse,
                                 Content& content) {
  const std::int64_t bytes_max = std::min(kWholeLevelBytesMax, stores_.cache.stats().bytes_max / 8);
  auto whole = whole_level(query.subject, query.coarsest, bytes_max);
  if (!whole.empty()) {
    if (content.missing) return;  // first what is in view
    for (auto& request : whole)
      if (!stores_.cache.holds(request.key.chunk) &&
          !stores_.failed.is_given_up(request.key, query.now_ns))
        content.wanted.push_back(std::move(request));
    return;
  }
  std::vector<data::ChunkKey> pinned;
  for (const Tile tile : coarse.tiles)
    pinned.push_back({query.subject.dataset, query.coarsest, coarse.grid.region(tile)});
  for (const auto& key : pinned_)
    if (std::find(pinned.begin(), pinned.end(), key) == pinned.end()) stores_.cache.unpin(key);
  pinned_ = std::move(pinned);
}

Content PlaneContent::gather(const PlaneQuery& query) {
  Content content;
  const auto& levels = query.subject.slicing.levels;
  const auto slice = [&](int level) -> const LevelSlice& {
    return levels[static_cast<std::size_t>(level)];
  };
  const LevelTiles coarse = tiles_of(query, slice(query.coarsest), kCoarseTilesMax);
  const LevelTiles target = tiles_of(query, slice(query.level), kTilesMax);
  int coming = ask(query, coarse, 0, content);
  if (query.level != query.coarsest) coming += ask(query, target, 1, content);
  content.missing = coming > 0;
  const bool complete = std::all_of(target.tiles.begin(), target.tiles.end(), [&](Tile tile) {
    return find(query, target, tile) != nullptr;
  });
  if (!complete) {
    if (query.level != query.coarsest) add_patches(query, coarse, content);
    for (int level = query.coarsest - 1; level >= std::max(query.level - 1, 0); --level)
      if (level != query.level)
        add_patches(query, tiles_of(query, slice(level), kCoarseTilesMax), content);
  }
  add_patches(query, target, content);
  content.anything = !content.patches.empty() || !content.missing;
  if (!content.missing) read_ahead(query, target, content);
  keep_coarsest(query, coarse, content);
  return content;
}

}  // namespace napari::runtime
