#include "engine/simd/plane_pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/simd/kernels.hpp"

namespace napari::engine::simd {
namespace {

constexpr float kUnpainted = -std::numeric_limits<float>::infinity();

// First pixel in [0, end) whose position is not below `limit`; positions grow with the pixel.
template <typename Position>
int first_at(int end, double limit, const Position& position) {
  int first = 0;
  while (first < end) {
    const int middle = first + (end - first) / 2;
    if (position(middle) < limit) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

gstx::Result<void> check(const data::PlanePatch& patch) {
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  if (patch.block == nullptr || patch.block->voxels == nullptr) return bad("patch without voxels");
  const auto& shape = patch.block->shape;
  if (shape[0] != 1 || shape[1] < 1 || shape[2] < 1 || shape[1] > (1 << 28) ||
      shape[2] > (1 << 28)) {
    return bad(
        fmt::format("patch of shape {} x {} x {} is no plane", shape[0], shape[1], shape[2]));
  }
  if (!(patch.spacing[0] > 0) || !(patch.spacing[1] > 0) ||
      !std::isfinite(patch.origin[0] + patch.origin[1])) {
    return bad(fmt::format("patch with spacing {}, {} and origin {}, {}", patch.spacing[0],
                           patch.spacing[1], patch.origin[0], patch.origin[1]));
  }
  if (patch.x0 < 0 || patch.y0 < 0 || patch.x1 > shape[2] || patch.y1 > shape[1]) {
    return bad(fmt::format("patch paints [{}, {}) x [{}, {}) of a block of {} x {}", patch.x0,
                           patch.x1, patch.y0, patch.y1, shape[2], shape[1]));
  }
  return {};
}

}  // namespace

struct PlanePass::Scratch {
  explicit Scratch(int row_elements) : row(static_cast<std::size_t>(row_elements) + kRowPadding) {}
  std::vector<float> row;
  const Patch* patch{nullptr};  // whose row, and which one, `row` holds
  std::int64_t row_index{-1};
  float row_weight{0};
};

gstx::Result<PlanePass> PlanePass::make(const data::RenderPlan& plan, const CpuTarget& target,
                                        const std::vector<TransferTablePtr>& tables) {
  if (!(plan.plane.world_per_px > 0) ||
      !std::isfinite(plan.plane.center[0] + plan.plane.center[1])) {
    return gstx::fail(
        gstx::ErrorCode::invalid_argument,
        fmt::format("plane view with {} world units a pixel around {}, {}", plan.plane.world_per_px,
                    plan.plane.center[0], plan.plane.center[1]));
  }
  PlanePass pass(plan, target);
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    GSTX_TRY(pass.add_layer(plan.layers[i], tables[i].get()));
  }
  return pass;
}

gstx::Result<void> PlanePass::add_layer(const data::PlanLayer& layer, const TransferTable* table) {
  Layer prepared{{}, table, false};
  for (const data::PlanePatch& patch : layer.patches) {
    GSTX_TRY(check(patch));
    prepared.may_hold_infinity |=
        patch.block->dtype == data::DType::f32 || patch.block->dtype == data::DType::f64;
    add_patch(patch, layer.interpolation == data::Interpolation::linear, prepared);
  }
  layers_.push_back(std::move(prepared));
  return {};
}

double PlanePass::block_column(const data::PlanePatch& patch, int x) const {
  const double canvas = (x + 0.5) * plan_.canvas.width_px / target_.size.width_px;
  const double world =
      plan_.plane.center[0] + (canvas - plan_.canvas.width_px / 2.0) * plan_.plane.world_per_px;
  return (world - patch.origin[0]) / patch.spacing[0];
}

double PlanePass::block_row(const data::PlanePatch& patch, int y) const {
  const double canvas = (y + 0.5) * plan_.canvas.height_px / target_.size.height_px;
  const double world =
      plan_.plane.center[1] + (canvas - plan_.canvas.height_px / 2.0) * plan_.plane.world_per_px;
  return (world - patch.origin[1]) / patch.spacing[1];
}

void PlanePass::add_patch(const data::PlanePatch& patch, bool linear, Layer& layer) {
  const auto column_of = [&](int x) { return block_column(patch, x); };
  const auto row_of = [&](int y) { return block_row(patch, y); };
  Patch prepared{&patch, linear, 0, 0, 0, 0, 0, 0, {}, {}};
  prepared.column_first =
      first_at(target_.size.width_px, static_cast<double>(patch.x0) - 0.5, column_of);
  prepared.column_end =
      first_at(target_.size.width_px, static_cast<double>(patch.x1) - 0.5, column_of);
  prepared.row_first =
      first_at(target_.size.height_px, static_cast<double>(patch.y0) - 0.5, row_of);
  prepared.row_end = first_at(target_.size.height_px, static_cast<double>(patch.y1) - 0.5, row_of);
  if (prepared.column_first >= prepared.column_end || prepared.row_first >= prepared.row_end)
    return;
  const auto last = static_cast<double>(patch.block->shape[2] - 1);
  const auto tap_of = [&](int x) {
    const double u = column_of(x);
    return std::clamp(linear ? u : std::floor(u + 0.5), 0.0, last);
  };
  const auto count = static_cast<std::size_t>(prepared.column_end - prepared.column_first);
  prepared.block_column = static_cast<std::int64_t>(tap_of(prepared.column_first));
  const auto end = static_cast<std::int64_t>(tap_of(prepared.column_end - 1)) + (linear ? 2 : 1);
  prepared.block_columns =
      static_cast<int>(std::min(end, patch.block->shape[2]) - prepared.block_column);
  prepared.index.assign(count + kRowPadding, 0);
  if (linear) prepared.weight.assign(count + kRowPadding, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const double tap = tap_of(prepared.column_first + static_cast<int>(i));
    const double column = std::floor(tap);
    prepared.index[i] =
        static_cast<std::int32_t>(column - static_cast<double>(prepared.block_column));
    if (linear) prepared.weight[i] = static_cast<float>(tap - column);
  }
  row_elements_ = std::max(row_elements_, prepared.block_columns);
  layer.patches.push_back(std::move(prepared));
}

int PlanePass::bands() const { return (target_.size.height_px + kBandRows - 1) / kBandRows; }

std::uint32_t* PlanePass::pixels(int row) const {
  return reinterpret_cast<std::uint32_t*>(target_.rgba.data() +
                                          static_cast<std::size_t>(row) * target_.stride_bytes);
}

// Values of the patch's columns of target row y.
void PlanePass::fill_row(const Patch& patch, int y, Scratch& scratch, float* values) const {
  const data::VoxelBlock& block = *patch.source->block;
  const auto last = static_cast<double>(block.shape[1] - 1);
  const double v = block_row(*patch.source, y);
  const double tap = std::clamp(patch.linear ? v : std::floor(v + 0.5), 0.0, last);
  const auto row = static_cast<std::int64_t>(tap);
  const auto weight = static_cast<float>(tap - static_cast<double>(row));
  float* const loaded = scratch.row.data();
  if (scratch.patch != &patch || scratch.row_index != row || scratch.row_weight != weight) {
    const auto element = static_cast<std::int64_t>(data::byte_size(block.dtype));
    const std::byte* above =
        block.voxels.get() + (row * block.shape[2] + patch.block_column) * element;
    if (weight == 0) {
      load_row(block.dtype, above, patch.block_columns, loaded);
    } else if (weight == 1) {
      load_row(block.dtype, above + block.shape[2] * element, patch.block_columns, loaded);
    } else {
      load_rows(block.dtype, {above, above + block.shape[2] * element, weight}, patch.block_columns,
                loaded);
    }
    loaded[patch.block_columns] = loaded[patch.block_columns - 1];
    scratch.patch = &patch;
    scratch.row_index = row;
    scratch.row_weight = weight;
  }
  const int count = patch.column_end - patch.column_first;
  if (patch.linear) {
    pick_linear(loaded, {patch.index.data(), patch.weight.data()}, count, values);
  } else {
    pick_nearest(loaded, patch.index.data(), count, values);
  }
}

void PlanePass::draw_single(int first_row, int end_row, Scratch& scratch) const {
  std::vector<float> values(static_cast<std::size_t>(target_.size.width_px) + kRowPadding);
  for (const Layer& layer : layers_) {
    for (const Patch& patch : layer.patches) {
      const int end = std::min(end_row, patch.row_end);
      for (int y = std::max(first_row, patch.row_first); y < end; ++y) {
        fill_row(patch, y, scratch, values.data());
        shade_row(*layer.table, values.data(), patch.column_end - patch.column_first,
                  Untouched::none, pixels(y) + patch.column_first);
      }
    }
  }
}

// A layer's patches first make one row of values, since a finer patch replaces a coarser one instead of covering it.
void PlanePass::draw_layers(int first_row, int end_row, Scratch& scratch) const {
  const std::size_t stride =
      static_cast<std::size_t>(target_.size.width_px) + std::size_t{2} * kRowPadding;
  const auto rows = static_cast<std::size_t>(end_row - first_row);
  std::vector<float> colors(3 * rows * stride);
  std::vector<float> values(rows * stride);
  const auto color_row = [&](std::size_t row) {
    float* const red = colors.data() + row * stride;
    return ColorRow{red, red + rows * stride, red + 2 * rows * stride};
  };
  std::vector<float> painted(stride);
  for (const Layer& layer : layers_) {
    std::ranges::fill(values, kUnpainted);
    for (const Patch& patch : layer.patches) {
      const int end = std::min(end_row, patch.row_end);
      const int count = patch.column_end - patch.column_first;
      for (int y = std::max(first_row, patch.row_first); y < end; ++y) {
        fill_row(patch, y, scratch, painted.data());
        if (layer.may_hold_infinity) {  // NaN and -infinity have the colour of the lowest value
          for (int x = 0; x < count; ++x) {
            painted[x] =
                painted[x] > kUnpainted ? painted[x] : std::numeric_limits<float>::lowest();
          }
        }
        std::copy_n(
            painted.data(), count,
            values.data() + static_cast<std::size_t>(y - first_row) * stride + patch.column_first);
      }
    }
    for (std::size_t row = 0; row < rows; ++row) {
      shade_over(*layer.table, values.data() + row * stride, target_.size.width_px,
                 Untouched::negative_infinity, color_row(row));
    }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    finish_row(color_row(row), target_.size.width_px, pixels(first_row + static_cast<int>(row)));
  }
}

void PlanePass::draw_band(int band) const {
  const int first_row = band * kBandRows;
  const int end_row = std::min(first_row + kBandRows, target_.size.height_px);
  Scratch scratch(row_elements_ + 1);
  if (layers_.size() > 1) {
    draw_layers(first_row, end_row, scratch);
    return;
  }
  for (int y = first_row; y < end_row; ++y) {
    std::fill_n(pixels(y), target_.size.width_px, 0xff000000U);
  }
  draw_single(first_row, end_row, scratch);
}

}  // namespace napari::engine::simd
