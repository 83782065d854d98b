#include "runtime/patch_maker.hpp"

#include <algorithm>

#include "data/voxel_block.hpp"
#include "runtime/box_copy.hpp"

namespace napari::runtime {
namespace {

struct Slab {
  const data::VoxelBlock* block;
  VoxelLayout layout;
  PixelRect rect;
};

PixelRect meet(const PixelRect& a, const PixelRect& b) {
  return {std::max(a.y0, b.y0), std::max(a.x0, b.x0), std::min(a.y1, b.y1), std::min(a.x1, b.x1)};
}

std::int64_t offset(const VoxelLayout& layout, std::int64_t row, std::int64_t column) {
  return layout.first + row * layout.stride[1] + column * layout.stride[2];
}

// Copies the part of `slab` inside `pixels` into the tight block that covers `whole`.
void paste(const Slab& slab, const PixelRect& pixels, const PixelRect& whole, std::byte* to,
           std::size_t voxel_bytes) {
  const PixelRect part = meet(pixels, slab.rect);
  if (part.is_empty()) return;
  VoxelLayout from = slab.layout;
  from.first = offset(from, part.y0 - slab.rect.y0, part.x0 - slab.rect.x0);
  VoxelLayout target = tight_layout({1, whole.y1 - whole.y0, whole.x1 - whole.x0});
  target.first = offset(target, part.y0 - whole.y0, part.x0 - whole.x0);
  copy_box({.from = slab.block->voxels.get(),
            .from_layout = from,
            .to = to,
            .to_layout = target,
            .shape = {1, part.y1 - part.y0, part.x1 - part.x0},
            .voxel_bytes = voxel_bytes});
}

// A margin whose tile is not there repeats the edge of `slab`: as the plane's own border does.
void repeat_edge(const Slab& slab, const PixelRect& margin, const PixelRect& whole, std::byte* to,
                 std::size_t voxel_bytes) {
  const VoxelLayout target = tight_layout({1, whole.y1 - whole.y0, whole.x1 - whole.x0});
  for (std::int64_t y = margin.y0; y < margin.y1; ++y)
    for (std::int64_t x = margin.x0; x < margin.x1; ++x) {
      const std::int64_t row = std::clamp(y, slab.rect.y0, slab.rect.y1 - 1) - slab.rect.y0;
      const std::int64_t column = std::clamp(x, slab.rect.x0, slab.rect.x1 - 1) - slab.rect.x0;
      const std::int64_t from = offset(slab.layout, row, column);
      const std::int64_t into = offset(target, y - whole.y0, x - whole.x0);
      std::copy_n(slab.block->voxels.get() + from * static_cast<std::int64_t>(voxel_bytes),
                  voxel_bytes, to + into * static_cast<std::int64_t>(voxel_bytes));
    }
}

// The whole plane in one tile, laid out as a patch needs it: no copy.
data::VoxelBlockPtr share_plane(const Slab& slab, const data::VoxelBlockPtr& owner) {
  auto block = std::make_shared<data::VoxelBlock>();
  block->id = data::next_block_id();
  block->dtype = owner->dtype;
  block->shape = {1, slab.rect.y1 - slab.rect.y0, slab.rect.x1 - slab.rect.x0};
  block->voxels = std::shared_ptr<const std::byte>(
      owner->voxels,
      owner->voxels.get() + slab.layout.first * static_cast<std::int64_t>(byte_size(owner->dtype)));
  return block;
}

data::VoxelBlockPtr join(const LevelSlice& slice, const TileGrid& grid, Tile tile,
                         const Neighbourhood& blocks, const PixelRect& whole) {
  auto draft = data::allocate_block(slice.dtype, {1, whole.y1 - whole.y0, whole.x1 - whole.x0});
  if (!draft) return nullptr;
  const std::size_t voxel_bytes = byte_size(slice.dtype);
  const Slab centre{blocks[kCentre].get(), layout_of(grid.region(tile), slice), grid.rect(tile)};
  for (std::int64_t i = 0; i < 9; ++i) {
    const Tile neighbour{tile.row + i / 3 - 1, tile.column + i % 3 - 1};
    if (!grid.contains(neighbour)) continue;
    const PixelRect rect = grid.rect(neighbour);
    const auto& block = blocks[static_cast<std::size_t>(i)];
    if (block)
      paste({block.get(), layout_of(grid.region(neighbour), slice), rect}, whole, whole,
            draft->voxels.data(), voxel_bytes);
    else
      repeat_edge(centre, meet(whole, rect), whole, draft->voxels.data(), voxel_bytes);
  }
  return data::finish_block(std::move(*draft));
}

}  // namespace

std::size_t PatchMaker::KeyHash::operator()(const Key& key) const {
  std::size_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3U; };
  for (const auto id : key.ids) mix(id);
  for (const auto index : key.index) mix(static_cast<std::uint64_t>(index));
  return hash;
}

data::PlanePatch PatchMaker::make(const LevelSlice& slice, const TileGrid& grid, Tile tile,
                                  const Neighbourhood& blocks) {
  Key key;
  for (std::size_t i = 0; i < 9; ++i) key.ids[i] = blocks[i] ? blocks[i]->id : 0;
  key.index = slice.index;
  key.axes = slice.axes;
  if (const auto known = patches_.find(key); known != patches_.end()) {
    known->second.used = plan_;
    return known->second.patch;
  }
  const PixelRect rect = grid.rect(tile);
  const PixelRect whole{
      std::max<std::int64_t>(rect.y0 - 1, 0), std::max<std::int64_t>(rect.x0 - 1, 0),
      std::min(rect.y1 + 1, slice.shape[1]), std::min(rect.x1 + 1, slice.shape[2])};
  const Slab centre{blocks[kCentre].get(), layout_of(grid.region(tile), slice), rect};
  const bool shareable =
      whole == rect && centre.layout.stride[2] == 1 && centre.layout.stride[1] == rect.x1 - rect.x0;
  data::PlanePatch patch;
  patch.block =
      shareable ? share_plane(centre, blocks[kCentre]) : join(slice, grid, tile, blocks, whole);
  if (!patch.block) return patch;
  patch.spacing = {slice.spacing[2], slice.spacing[1]};
  patch.origin = {slice.origin[2] + slice.spacing[2] * static_cast<double>(whole.x0),
                  slice.origin[1] + slice.spacing[1] * static_cast<double>(whole.y0)};
  patch.x0 = rect.x0 - whole.x0;
  patch.y0 = rect.y0 - whole.y0;
  patch.x1 = rect.x1 - whole.x0;
  patch.y1 = rect.y1 - whole.y0;
  patches_.emplace(std::move(key), Entry{patch, plan_});
  return patch;
}

void PatchMaker::end_plan() {
  std::erase_if(patches_, [this](const auto& item) { return item.second.used + 1 < plan_; });
  ++plan_;
}

}  // namespace napari::runtime
