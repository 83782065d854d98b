#include "engine/gl/plan_check.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <span>

#include <fmt/format.h>

#include "data/colormap.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr int kEdgePxMax = 16384;

gstx::Result<void> wrong(std::string message) {
  return gstx::fail(ErrorCode::invalid_argument, std::move(message));
}

bool finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

bool positive(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double v) { return std::isfinite(v) && v > 0; });
}

gstx::Result<void> check_size(data::CanvasSize size, const char* what) {
  if (size.width_px < 1 || size.height_px < 1 || size.width_px > kEdgePxMax ||
      size.height_px > kEdgePxMax) {
    return wrong(fmt::format("a {} of {} x {} is not within 1..{}", what, size.width_px,
                             size.height_px, kEdgePxMax));
  }
  return {};
}

gstx::Result<void> check_patch(const data::PlanePatch& patch, std::size_t layer) {
  if (patch.block == nullptr) return wrong(fmt::format("a patch of layer {} has no block", layer));
  if (!finite(patch.origin) || !positive(patch.spacing)) {
    return wrong(fmt::format("a patch of layer {} has origin {}, {} and spacing {}, {}", layer,
                             patch.origin[0], patch.origin[1], patch.spacing[0], patch.spacing[1]));
  }
  const auto& shape = patch.block->shape;
  if (patch.x0 < 0 || patch.y0 < 0 || patch.x1 > shape[2] || patch.y1 > shape[1]) {
    return wrong(fmt::format("a patch of layer {} paints {}..{} x {}..{} of a block of {} x {}",
                             layer, patch.x0, patch.x1, patch.y0, patch.y1, shape[2], shape[1]));
  }
  return {};
}

gstx::Result<void> check_volume(const data::VolumeBlock& volume, std::size_t layer) {
  if (volume.block == nullptr)
    return wrong(fmt::format("the volume of layer {} has no block", layer));
  if (!finite(volume.origin) || !positive(volume.spacing)) {
    return wrong(fmt::format("the volume of layer {} has spacing {}, {}, {} or no finite origin",
                             layer, volume.spacing[0], volume.spacing[1], volume.spacing[2]));
  }
  return {};
}

gstx::Result<void> check_transfer(const data::Transfer& transfer, std::size_t layer) {
  if (!std::isfinite(transfer.contrast_low) || !std::isfinite(transfer.contrast_high)) {
    return wrong(fmt::format("layer {} has contrast limits {}, {}", layer, transfer.contrast_low,
                             transfer.contrast_high));
  }
  if (!positive({&transfer.gamma, 1})) {
    return wrong(fmt::format("layer {} has gamma {}, which is not above 0", layer, transfer.gamma));
  }
  if (!(transfer.opacity >= 0 && transfer.opacity <= 1)) {
    return wrong(fmt::format("layer {} has opacity {}, not in 0..1", layer, transfer.opacity));
  }
  if (data::find_colormap(transfer.colormap) == nullptr) {
    return wrong(fmt::format("layer {} has colour map \"{}\", which is not known", layer,
                             transfer.colormap));
  }
  return {};
}

gstx::Result<void> check_view(const data::RenderPlan& plan) {
  if (plan.ndisplay == 2) {
    const auto& view = plan.plane;
    if (finite(view.center) && positive({&view.world_per_px, 1})) return {};
    return wrong(fmt::format("the plane view at {}, {} has {} world units a pixel", view.center[0],
                             view.center[1], view.world_per_px));
  }
  const auto& view = plan.volume;
  for (const data::Vec3* v : {&view.center, &view.right, &view.down, &view.forward}) {
    if (!finite(*v)) return wrong("the volume view holds a number that is not finite");
  }
  const auto& f = view.forward;
  if (f[0] * f[0] + f[1] * f[1] + f[2] * f[2] < 1e-12) {
    return wrong("the volume view has no forward direction");
  }
  if (!positive({&view.world_per_px, 1})) {
    return wrong(fmt::format("the volume view has {} world units a pixel", view.world_per_px));
  }
  if (view.perspective && !positive({&view.distance, 1})) {
    return wrong(fmt::format("the eye is {} before the centre of the volume view", view.distance));
  }
  return {};
}

}  // namespace

gstx::Result<void> check_plan(const data::RenderPlan& plan) {
  GSTX_TRY(check_size(plan.canvas, "canvas"));
  if (plan.ndisplay != 2 && plan.ndisplay != 3) {
    return wrong(fmt::format("ndisplay {} is neither 2 nor 3", plan.ndisplay));
  }
  GSTX_TRY(check_view(plan));
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const data::PlanLayer& layer = plan.layers[i];
    GSTX_TRY(check_transfer(layer.transfer, i));
    if (plan.ndisplay == 3) {
      if (layer.volume) GSTX_TRY(check_volume(*layer.volume, i));
      continue;
    }
    for (const auto& patch : layer.patches) GSTX_TRY(check_patch(patch, i));
  }
  return {};
}

gstx::Result<void> check_target(const CpuTarget& target) {
  GSTX_TRY(check_size(target.size, "target"));
  const std::size_t row_bytes = static_cast<std::size_t>(target.size.width_px) * 4;
  const auto rows = static_cast<std::size_t>(target.size.height_px);
  if (target.stride_bytes < row_bytes ||
      target.rgba.size() < target.stride_bytes * (rows - 1) + row_bytes) {
    return wrong(fmt::format("{} bytes with a stride of {} cannot hold {} x {} RGBA pixels",
                             target.rgba.size(), target.stride_bytes, target.size.width_px,
                             target.size.height_px));
  }
  return {};
}

}  // namespace napari::engine
