// How an image is cut: slicing, tiles, patches. Checked against the values of the synthetic source, voxel by voxel.
#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "data/roi.hpp"
#include "fakes/blocking_source.hpp"
#include "runtime/patch_maker.hpp"
#include "runtime/read_job.hpp"
#include "runtime/slicing.hpp"
#include "runtime/tile_grid.hpp"

namespace napari::runtime {
namespace {

using fakes::BlockingSource;

scene::Dims dims_of(std::vector<int> order, std::vector<std::int64_t> step, int ndisplay = 2) {
  scene::Dims dims;
  dims.axis_labels.assign(order.size(), "a");
  dims.order = std::move(order);
  dims.current_step = std::move(step);
  dims.ndisplay = ndisplay;
  return dims;
}

TEST(Slicing, CutsEveryLevelAtTheSameWorldPosition) {
  const BlockingSource source({64, 32, 32}, 16, 3);
  const auto slicing = slice_image(source.info(), dims_of({0, 1, 2}, {21, 0, 0}));
  ASSERT_TRUE(slicing);
  EXPECT_EQ(slicing->levels[0].index[0], 21);
  EXPECT_EQ(slicing->levels[1].index[0], 10);  // world 21 is 10.25 there
  EXPECT_EQ(slicing->levels[2].index[0], 5);   // 4.875
  EXPECT_EQ(slicing->levels[1].origin, (data::Vec3{0, 0.5, 0.5}));
}

RC_GTEST_PROP(Slicing, IndicesAreInRangeAndNearest, ()) {
  const int levels = *rc::gen::inRange(1, 5);
  const BlockingSource source({*rc::gen::inRange<std::int64_t>(1, 200), 40, 40}, 16, levels);
  auto dims = dims_of({0, 1, 2}, {*rc::gen::inRange<std::int64_t>(0, 250), 0, 0});
  dims.current_level = *rc::gen::inRange(0, levels);
  const auto slicing = slice_image(source.info(), dims);
  RC_ASSERT(slicing.has_value());
  const auto& from = source.info().levels[static_cast<std::size_t>(dims.current_level)];
  const auto held = std::min(dims.current_step[0], from.shape[0] - 1);
  const double world = from.scale[0] * static_cast<double>(held) + from.translation[0];
  for (const auto& slice : slicing->levels) {
    const auto& to = source.info().levels[static_cast<std::size_t>(slice.level)];
    RC_ASSERT(slice.index[0] >= 0 && slice.index[0] < to.shape[0]);
    const auto distance = [&](std::int64_t index) {
      return std::abs(to.scale[0] * static_cast<double>(index) + to.translation[0] - world);
    };
    if (slice.index[0] > 0) RC_ASSERT(distance(slice.index[0]) <= distance(slice.index[0] - 1));
    if (slice.index[0] + 1 < to.shape[0])
      RC_ASSERT(distance(slice.index[0]) <= distance(slice.index[0] + 1));
  }
}

TEST(Slicing, RefusesWhatItCannotCut) {
  BlockingSource source({8, 8, 8}, 8, 1);
  EXPECT_FALSE(slice_image(source.info(), dims_of({0, 1}, {0, 0})));
  EXPECT_FALSE(slice_image(source.info(), dims_of({0, 1, 1}, {0, 0, 0})));
  EXPECT_FALSE(slice_image(source.info(), dims_of({0, 1, 2}, {0, 0, 0}, 4)));
  auto pinned = dims_of({0, 1, 2}, {0, 0, 0});
  pinned.current_level = 1;
  EXPECT_FALSE(slice_image(source.info(), pinned));
  source.edit().levels[0].scale[1] = -1;
  const auto refused = slice_image(source.info(), dims_of({0, 1, 2}, {0, 0, 0}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("scale -1"), std::string::npos);
}

TEST(Slicing, TwoAxesInThreeDimensionsAreOneVoxelDeep) {
  const BlockingSource source({8, 9}, 8, 1);
  const auto slicing = slice_image(source.info(), dims_of({0, 1}, {0, 0}, 3));
  ASSERT_TRUE(slicing);
  EXPECT_EQ(slicing->levels[0].shape, (std::array<std::int64_t, 3>{1, 8, 9}));
}

LevelSlice any_slice(const BlockingSource& source) {
  const auto order = *rc::gen::element(std::vector<int>{0, 1, 2}, std::vector<int>{1, 0, 2},
                                       std::vector<int>{2, 1, 0}, std::vector<int>{0, 2, 1});
  std::vector<std::int64_t> step;
  for (const auto extent : source.info().levels[0].shape)
    step.push_back(*rc::gen::inRange<std::int64_t>(0, extent));
  return slice_image(source.info(), dims_of(order, step))->levels[0];
}

BlockingSource any_source() {
  const auto extent = [] { return *rc::gen::inRange<std::int64_t>(1, 700); };
  return BlockingSource({*rc::gen::inRange<std::int64_t>(1, 40), extent(), extent()},
                        *rc::gen::element<std::int64_t>(1, 7, 64, 100, 256, 300, 5000), 1);
}

RC_GTEST_PROP(TileGrid, TilesPartitionThePlaneOnTheChunkGrid, ()) {
  const auto source = any_source();
  const LevelSlice slice = any_slice(source);
  const TileGrid grid(slice);
  std::int64_t area = 0;
  for (std::int64_t row = 0; row < grid.rows(); ++row)
    for (std::int64_t column = 0; column < grid.columns(); ++column) {
      const PixelRect rect = grid.rect({row, column});
      RC_ASSERT(!rect.is_empty());
      area += (rect.y1 - rect.y0) * (rect.x1 - rect.x0);
      const data::Region region = grid.region({row, column});
      RC_ASSERT(data::clamp(region, slice.data_shape) == region);
      RC_ASSERT(data::align_to_chunks(region, slice.data_chunk, slice.data_shape) == region ||
                data::region_bytes(region, slice.dtype) > 0);
      for (std::size_t axis = 0; axis < 3; ++axis)
        if (static_cast<int>(axis) != slice.axes[1] && static_cast<int>(axis) != slice.axes[2])
          RC_ASSERT(region.start[axis] <= slice.index[axis] &&
                    slice.index[axis] < region.start[axis] + region.shape[axis]);
    }
  RC_ASSERT(area == slice.shape[1] * slice.shape[2]);
}

RC_GTEST_PROP(TileGrid, WhatTheCanvasShowsIsCovered, ()) {
  const auto source = any_source();
  const LevelSlice slice = any_slice(source);
  const TileGrid grid(slice);
  const data::CanvasSize canvas{*rc::gen::inRange(2, 900), *rc::gen::inRange(2, 900)};
  const data::PlaneView view{
      {*rc::gen::inRange(-200, 900) * 1.0, *rc::gen::inRange(-200, 900) * 1.0},
      std::exp2(*rc::gen::inRange(-400, 200) / 100.0)};
  const PixelRect visible = visible_pixels(slice, view, canvas);
  const auto tiles = grid.tiles_in(visible, 100'000);
  const int px = *rc::gen::inRange(0, canvas.width_px);
  const int py = *rc::gen::inRange(0, canvas.height_px);
  const double u = view.center[0] + (px + 0.5 - canvas.width_px / 2.0) * view.world_per_px;
  const double v = view.center[1] + (py + 0.5 - canvas.height_px / 2.0) * view.world_per_px;
  if (u < -0.5 || v < -0.5 || u >= static_cast<double>(slice.shape[2]) - 0.5 ||
      v >= static_cast<double>(slice.shape[1]) - 0.5)
    return;  // beside the image
  const auto x = static_cast<std::int64_t>(std::floor(u + 0.5));
  const auto y = static_cast<std::int64_t>(std::floor(v + 0.5));
  RC_ASSERT(std::any_of(tiles.begin(), tiles.end(), [&](Tile tile) {
    const PixelRect rect = grid.rect(tile);
    return x >= rect.x0 && x < rect.x1 && y >= rect.y0 && y < rect.y1;
  }));
}

TEST(TileGrid, TilesNearTheMiddleComeFirstAndTheirNumberIsBounded) {
  const BlockingSource source({4096, 4096}, 256, 1);
  const auto slice = slice_image(source.info(), dims_of({0, 1}, {0, 0}))->levels[0];
  const auto tiles = TileGrid(slice).tiles_in({0, 0, 4096, 4096}, 5);
  ASSERT_EQ(tiles.size(), 5U);
  for (const Tile tile : tiles) {
    EXPECT_GE(tile.row, 6);
    EXPECT_LE(tile.row, 9);
  }
}

data::VoxelBlockPtr read_tile(const std::shared_ptr<BlockingSource>& source,
                              const LevelSlice& slice, const data::Region& region) {
  LoadRequest request;
  request.key.chunk = {1, slice.level, region};
  request.source = source;
  request.slice = slice;
  auto job = ReadJob::make(request);
  EXPECT_TRUE(job->read_part(0, {}));
  return *job->finish().block;
}

RC_GTEST_PROP(PatchMaker, PatchesHoldThePlaneAndTheirNeighboursMargin, ()) {
  const auto extent = [] { return *rc::gen::inRange<std::int64_t>(1, 300); };
  const auto source = std::make_shared<BlockingSource>(
      std::vector<std::int64_t>{*rc::gen::inRange<std::int64_t>(1, 5), extent(), extent()},
      *rc::gen::element<std::int64_t>(3, 64, 200), 1);
  const LevelSlice slice = any_slice(*source);
  const TileGrid grid(slice);
  const Tile tile{*rc::gen::inRange<std::int64_t>(0, grid.rows()),
                  *rc::gen::inRange<std::int64_t>(0, grid.columns())};
  Neighbourhood blocks;
  for (std::int64_t i = 0; i < 9; ++i) {
    const Tile neighbour{tile.row + i / 3 - 1, tile.column + i % 3 - 1};
    if (grid.contains(neighbour))
      blocks[static_cast<std::size_t>(i)] = read_tile(source, slice, grid.region(neighbour));
  }
  PatchMaker maker;
  const auto patch = maker.make(slice, grid, tile, blocks);
  const PixelRect rect = grid.rect(tile);
  RC_ASSERT(patch.x1 - patch.x0 == rect.x1 - rect.x0 && patch.y1 - patch.y0 == rect.y1 - rect.y0);
  RC_ASSERT(patch.origin[0] + static_cast<double>(patch.x0) == static_cast<double>(rect.x0));
  for (std::int64_t y = 0; y < patch.block->shape[1]; ++y)
    for (std::int64_t x = 0; x < patch.block->shape[2]; ++x) {
      std::vector<std::int64_t> index = slice.index;
      index[static_cast<std::size_t>(slice.axes[1])] =
          y + static_cast<std::int64_t>(patch.origin[1]);
      index[static_cast<std::size_t>(slice.axes[2])] =
          x + static_cast<std::int64_t>(patch.origin[0]);
      RC_ASSERT(
          static_cast<std::uint8_t>(patch.block->voxels.get()[y * patch.block->shape[2] + x]) ==
          BlockingSource::value(0, index));
    }
  RC_ASSERT(maker.make(slice, grid, tile, blocks).block == patch.block);
}

TEST(PatchMaker, AMissingNeighbourRepeatsTheEdgeAndForgottenPatchesGo) {
  const auto source = std::make_shared<BlockingSource>(std::vector<std::int64_t>{300, 600}, 256, 1);
  const auto slice = slice_image(source->info(), dims_of({0, 1}, {0, 0}))->levels[0];
  const TileGrid grid(slice);
  Neighbourhood blocks;
  blocks[kCentre] = read_tile(source, slice, grid.region({0, 0}));
  PatchMaker maker;
  const auto patch = maker.make(slice, grid, {0, 0}, blocks);
  ASSERT_EQ(patch.block->shape, (std::array<std::int64_t, 3>{1, 257, 257}));
  const auto at = [&](std::int64_t y, std::int64_t x) {
    return patch.block->voxels.get()[y * 257 + x];
  };
  EXPECT_EQ(at(10, 256), at(10, 255));
  EXPECT_EQ(at(256, 256), at(255, 255));
  maker.end_plan();
  maker.end_plan();
  EXPECT_EQ(maker.size(), 1U);
  maker.end_plan();
  EXPECT_EQ(maker.size(), 0U);
}

RC_GTEST_PROP(ReadJob, AVolumeIsAssembledInDisplayOrder, ()) {
  const auto extent = [] { return *rc::gen::inRange<std::int64_t>(1, 30); };
  const auto source = std::make_shared<BlockingSource>(
      std::vector<std::int64_t>{extent(), extent(), extent(), extent()},
      *rc::gen::element<std::int64_t>(3, 8, 64), 1);
  const auto order = *rc::gen::element(std::vector<int>{0, 1, 2, 3}, std::vector<int>{2, 0, 3, 1},
                                       std::vector<int>{3, 2, 1, 0});
  auto dims = dims_of(order, {0, 0, 0, 0}, 3);
  for (std::size_t i = 0; i < 4; ++i)
    dims.current_step[i] = *rc::gen::inRange<std::int64_t>(0, source->info().levels[0].shape[i]);
  const LevelSlice slice = slice_image(source->info(), dims)->levels[0];
  LoadRequest request;
  request.key = {{1, 0, slice.region()}, ReadKind::volume, slice.axes};
  request.source = source;
  request.slice = slice;
  auto job = ReadJob::make(request);
  for (std::size_t part = 0; part < job->part_count(); ++part) RC_ASSERT(job->read_part(part, {}));
  const auto result = job->finish();
  const auto& block = **result.block;
  RC_ASSERT(result.bricks != nullptr);
  RC_ASSERT(block.shape == slice.shape);
  const std::byte* voxel = block.voxels.get();
  for (std::int64_t z = 0; z < block.shape[0]; ++z)
    for (std::int64_t y = 0; y < block.shape[1]; ++y)
      for (std::int64_t x = 0; x < block.shape[2]; ++x) {
        std::vector<std::int64_t> index = slice.index;
        index[static_cast<std::size_t>(slice.axes[0])] = z;
        index[static_cast<std::size_t>(slice.axes[1])] = y;
        index[static_cast<std::size_t>(slice.axes[2])] = x;
        RC_ASSERT(static_cast<std::uint8_t>(*voxel++) == BlockingSource::value(0, index));
      }
}

}  // namespace
}  // namespace napari::runtime
