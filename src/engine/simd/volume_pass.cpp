#include "engine/simd/volume_pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace napari::engine::simd {
namespace {

gstx::Result<void> check(const data::VolumeBlock& volume) {
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  if (volume.block == nullptr || volume.block->voxels == nullptr)
    return bad("volume without voxels");
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t voxels = volume.block->shape[axis];
    if (voxels < 1 || voxels > (1 << 20))
      return bad(fmt::format("volume of {} voxels along axis {}", voxels, axis));
    if (!(volume.spacing[axis] > 0) || !std::isfinite(volume.origin[axis])) {
      return bad(fmt::format("volume with spacing {} and origin {} along axis {}",
                             volume.spacing[axis], volume.origin[axis], axis));
    }
    if (volume.bricks != nullptr &&
        volume.bricks->shape[axis] != (voxels + data::kBrickEdge - 1) / data::kBrickEdge) {
      return bad(fmt::format("{} bricks for {} voxels along axis {}", volume.bricks->shape[axis],
                             voxels, axis));
    }
  }
  const auto& shape = volume.block->shape;
  const auto element =
      static_cast<std::int64_t>(std::min<std::size_t>(4, data::byte_size(volume.block->dtype)));
  if (shape[1] * shape[2] * element > std::numeric_limits<std::int32_t>::max() / 16) {
    return gstx::fail(
        gstx::ErrorCode::unsupported,
        fmt::format("volume with planes of {} x {} voxels is too large", shape[1], shape[2]));
  }
  if (volume.bricks != nullptr) {
    const auto& bricks = volume.bricks->shape;
    if (volume.bricks->max.size() != static_cast<std::size_t>(bricks[0] * bricks[1] * bricks[2])) {
      return bad(fmt::format("{} brick maxima for {} x {} x {} bricks", volume.bricks->max.size(),
                             bricks[0], bricks[1], bricks[2]));
    }
  }
  return {};
}

gstx::Result<void> check(const data::VolumeView& view) {
  double sum = view.world_per_px + view.distance;
  for (std::size_t c = 0; c < 3; ++c)
    sum += view.center[c] + view.right[c] + view.down[c] + view.forward[c];
  if (!std::isfinite(sum) || !(view.world_per_px > 0) ||
      (view.perspective && !(view.distance > 0))) {
    return gstx::fail(
        gstx::ErrorCode::invalid_argument,
        fmt::format(
            "volume view with {} world units a pixel, distance {} or a vector that is not finite",
            view.world_per_px, view.distance));
  }
  return {};
}

MipAxis axis_view(const data::VoxelBlock& block, const data::BrickMaxima* bricks,
                  const Reach* reach, int k) {
  const int a = k == 0 ? 1 : 0;
  const int b = k == 2 ? 1 : 2;
  const auto element = static_cast<std::int64_t>(data::byte_size(block.dtype));
  const std::array<std::int64_t, 3> stride{block.shape[1] * block.shape[2] * element,
                                           block.shape[2] * element, element};
  MipAxis axis{};
  axis.stride_k = stride[k];
  axis.stride_a = stride[a];
  axis.stride_b = stride[b];
  axis.n_k = static_cast<int>(block.shape[k]);
  axis.n_a = static_cast<int>(block.shape[a]);
  axis.n_b = static_cast<int>(block.shape[b]);
  axis.axis_k = k;
  axis.axis_a = a;
  axis.axis_b = b;
  if (reach != nullptr) {
    axis.reach = reach->by_axis[static_cast<std::size_t>(k)].data();
    axis.bricks_a = static_cast<int>(bricks->shape[a]);
    axis.bricks_b = static_cast<int>(bricks->shape[b]);
  }
  return axis;
}

}  // namespace

struct VolumePass::Pixels {
  int row;
  int first;
  int count;
  std::uint32_t* out;
};

gstx::Result<VolumePass> VolumePass::make(const Params& params) {
  GSTX_TRY(check(params.plan.volume));
  VolumePass pass(params.plan, params.target);
  for (std::size_t i = 0; i < params.plan.layers.size(); ++i) {
    const data::PlanLayer& layer = params.plan.layers[i];
    if (!layer.volume) continue;
    const bool linear = layer.interpolation == data::Interpolation::linear;
    GSTX_TRY(pass.add_layer(*layer.volume, params.tables[i].get(), linear, params));
  }
  return pass;
}

gstx::Result<void> VolumePass::add_layer(const data::VolumeBlock& volume,
                                         const TransferTable* table, bool linear,
                                         const Params& params) {
  GSTX_TRY(check(volume));
  Layer layer{};
  layer.block = params.cache.drawable(volume.block, params.pool);
  if (params.skipping && volume.bricks != nullptr) layer.reach = params.cache.reach(volume.bricks);
  layer.origin = volume.origin;
  layer.spacing = volume.spacing;
  layer.table = table;
  layer.volume.voxels = layer.block->voxels.get();
  layer.volume.dtype = layer.block->dtype;
  layer.volume.linear = linear;
  for (int k = 0; k < 3; ++k) {
    layer.volume.axes[static_cast<std::size_t>(k)] =
        axis_view(*layer.block, volume.bricks.get(), layer.reach.get(), k);
  }
  layers_.push_back(std::move(layer));
  return {};
}

int VolumePass::tiles() const {
  const int columns = (target_.size.width_px + kTileColumns - 1) / kTileColumns;
  const int rows = (target_.size.height_px + kTileRows - 1) / kTileRows;
  return columns * rows;
}

// Rays of a row of target pixels in the index space of a layer's block.
MipRays VolumePass::rays(const Layer& layer, const Pixels& pixels) const {
  const data::VolumeView& view = plan_.volume;
  const double step = static_cast<double>(plan_.canvas.width_px) / target_.size.width_px;
  const double u = (pixels.first + 0.5) * step - plan_.canvas.width_px / 2.0;
  const double v = (pixels.row + 0.5) * plan_.canvas.height_px / target_.size.height_px -
                   plan_.canvas.height_px / 2.0;
  MipRays rays{};
  rays.from_eye = view.perspective;
  rays.count = pixels.count;
  for (std::size_t c = 0; c < 3; ++c) {
    const double across =
        (u * view.right[c] + v * view.down[c]) * view.world_per_px / layer.spacing[c];
    const double across_step = step * view.right[c] * view.world_per_px / layer.spacing[c];
    const double forward = view.forward[c] / layer.spacing[c];
    const double center = (view.center[c] - layer.origin[c]) / layer.spacing[c];
    if (view.perspective) {
      rays.origin[c] = center - forward * view.distance;
      rays.direction[c] = forward * view.distance + across;
      rays.direction_step[c] = across_step;
    } else {
      rays.origin[c] = center + across;
      rays.origin_step[c] = across_step;
      rays.direction[c] = forward;
    }
  }
  return rays;
}

void VolumePass::draw_row(const Pixels& pixels) const {
  alignas(64) float best[kMipRaysMax];
  if (layers_.size() == 1) {
    mip_row(layers_.front().volume, rays(layers_.front(), pixels), best);
    shade_row(*layers_.front().table, best, pixels.count, Untouched::negative_infinity, pixels.out);
    return;
  }
  alignas(64) float red[kMipRaysMax]{};
  alignas(64) float green[kMipRaysMax]{};
  alignas(64) float blue[kMipRaysMax]{};
  const ColorRow row{red, green, blue};
  for (const Layer& layer : layers_) {
    mip_row(layer.volume, rays(layer, pixels), best);
    shade_over(*layer.table, best, pixels.count, Untouched::negative_infinity, row);
  }
  finish_row(row, pixels.count, pixels.out);
}

void VolumePass::draw_tile(int tile) const {
  const int columns = (target_.size.width_px + kTileColumns - 1) / kTileColumns;
  const int first_row = tile / columns * kTileRows;
  const int first = tile % columns * kTileColumns;
  const int count = std::min(kTileColumns, target_.size.width_px - first);
  for (int y = first_row; y < std::min(first_row + kTileRows, target_.size.height_px); ++y) {
    auto* const line = reinterpret_cast<std::uint32_t*>(
        target_.rgba.data() + static_cast<std::size_t>(y) * target_.stride_bytes);
    draw_row({y, first, count, line + first});
  }
}

}  // namespace napari::engine::simd
