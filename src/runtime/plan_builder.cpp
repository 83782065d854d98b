#include "runtime/plan_builder.hpp"

#include <algorithm>

namespace napari::runtime {
namespace {

data::Transfer transfer_of(const scene::LayerControls& controls) {
  return {.contrast_low = controls.contrast_limits[0],
          .contrast_high = controls.contrast_limits[1],
          .gamma = controls.gamma,
          .opacity = controls.opacity,
          .colormap = controls.colormap};
}

bool is_same_patch(const data::PlanePatch& a, const data::PlanePatch& b) {
  return a.block->id == b.block->id && a.origin == b.origin && a.spacing == b.spacing &&
         a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

bool is_same_volume(const std::optional<data::VolumeBlock>& a,
                    const std::optional<data::VolumeBlock>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->block->id == b->block->id && a->origin == b->origin && a->spacing == b->spacing;
}

bool is_same_layer(const data::PlanLayer& a, const data::PlanLayer& b) {
  return a.transfer == b.transfer && a.interpolation == b.interpolation &&
         is_same_volume(a.volume, b.volume) &&
         std::equal(a.patches.begin(), a.patches.end(), b.patches.begin(), b.patches.end(),
                    is_same_patch);
}

bool is_same_view(const data::RenderPlan& a, const data::RenderPlan& b) {
  if (a.ndisplay != b.ndisplay) return false;
  if (a.ndisplay == 2)
    return a.plane.center == b.plane.center && a.plane.world_per_px == b.plane.world_per_px;
  const auto& v = a.volume;
  const auto& w = b.volume;
  return v.center == w.center && v.right == w.right && v.down == w.down && v.forward == w.forward &&
         v.world_per_px == w.world_per_px && v.distance == w.distance &&
         v.perspective == w.perspective;
}

}  // namespace

std::shared_ptr<data::RenderPlan> build_plan(const PlanInputs& inputs) {
  auto plan = std::make_shared<data::RenderPlan>();
  plan->scene_version = inputs.scene_version;
  plan->canvas = inputs.canvas;
  plan->draw_scale = inputs.draw_scale;
  plan->ndisplay = inputs.ndisplay;
  plan->still = inputs.still;
  plan->plane = scene::plane_view(inputs.pose.plane);
  plan->volume = scene::volume_view(inputs.pose.volume, inputs.canvas);
  for (const auto& layer : inputs.snapshot.layers) {
    if (!layer.controls.visible) continue;
    data::PlanLayer drawn;
    drawn.transfer = transfer_of(layer.controls);
    drawn.interpolation = layer.controls.interpolation == "nearest" ? data::Interpolation::nearest
                                                                    : data::Interpolation::linear;
    if (inputs.ndisplay == 3)
      drawn.volume = inputs.content.volume;
    else
      drawn.patches = inputs.content.patches;
    plan->layers.push_back(std::move(drawn));
  }
  return plan;
}

std::shared_ptr<data::RenderPlan> build_thumbnail_plan(const PlanInputs& inputs,
                                                       const scene::WorldBox& box) {
  PlanInputs fitted = inputs;
  fitted.canvas = kThumbnailSize;
  fitted.draw_scale = 1;
  fitted.still = true;
  auto plan = build_plan(fitted);
  const auto home = scene::home_pose(box, kThumbnailSize);
  plan->plane = scene::plane_view(home.plane);
  plan->volume = {};  // along the first axis: the plane's view
  for (std::size_t i = 0; i < 3; ++i)
    plan->volume.center[i] = (box.low[2 - i] + box.high[2 - i]) / 2;
  plan->volume.world_per_px = plan->plane.world_per_px;
  return plan;
}

bool is_same_picture(const data::RenderPlan& a, const data::RenderPlan& b) {
  return a.scene_version == b.scene_version && a.canvas == b.canvas &&
         a.draw_scale == b.draw_scale && a.still == b.still && is_same_view(a, b) &&
         std::equal(a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
                    is_same_layer);
}

bool draws_alike(const scene::RenderSnapshot& a, const scene::RenderSnapshot& b) {
  return a.dataset_id == b.dataset_id && a.image == b.image && a.dims == b.dims &&
         a.level_pinned == b.level_pinned &&
         std::equal(a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
                    [](const scene::Layer& x, const scene::Layer& y) {
                      return x.id == y.id && x.controls == y.controls;
                    });
}

}  // namespace napari::runtime
