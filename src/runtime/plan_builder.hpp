// Puts a plan together: transfer functions of the layers, the view of the pose, the voxels that are there. Pure.
// Threads: any.
#pragma once

#include <memory>

#include "data/render_plan.hpp"
#include "runtime/content.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::runtime {

struct PlanInputs {
  const scene::RenderSnapshot& snapshot;
  const scene::CameraPose& pose;
  const Content& content;
  int ndisplay{2};
  data::CanvasSize canvas;
  double draw_scale{1};
  bool still{false};
  std::uint64_t scene_version{0};
};

// Every visible layer draws the content with its own transfer function.
[[nodiscard]] std::shared_ptr<data::RenderPlan> build_plan(const PlanInputs& inputs);

// A picture of 32 x 32 pixels of what the layer shows, fitted: the plane, or the volume seen along its first axis.
inline constexpr data::CanvasSize kThumbnailSize{32, 32};
[[nodiscard]] std::shared_ptr<data::RenderPlan> build_thumbnail_plan(const PlanInputs& inputs,
                                                                     const scene::WorldBox& box);

// Whether drawing `b` after `a` would show or tell anything new.
[[nodiscard]] bool is_same_picture(const data::RenderPlan& a, const data::RenderPlan& b);

// Whether two snapshots draw alike: they may differ in versions, names and thumbnails.
[[nodiscard]] bool draws_alike(const scene::RenderSnapshot& a, const scene::RenderSnapshot& b);

}  // namespace napari::runtime
