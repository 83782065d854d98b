// A small scene drawn by the GL back end, as a render delegate: noise in a plane. Runs on any EGL device, Mesa's llvmpipe included.
// Threads: the test's.
#pragma once

#include <cstring>
#include <memory>

#include "data/render_plan.hpp"
#include "engine/elements.hpp"

namespace napari::elements {

inline data::RenderPlanPtr noise_plan(data::CanvasSize canvas, std::uint64_t version = 1) {
  constexpr std::int64_t kEdge = 128;
  auto block = std::make_shared<data::VoxelBlock>();
  block->id = data::next_block_id();
  block->shape = {1, kEdge, kEdge};
  const std::size_t bytes = kEdge * kEdge + data::kOverReadBytes;
  const std::shared_ptr<std::byte> voxels(std::make_unique<std::byte[]>(bytes).release(),
                                          std::default_delete<std::byte[]>());
  std::uint32_t state = 99;
  for (std::size_t i = 0; i < bytes; ++i) {
    state = state * 1664525u + 1013904223u;
    voxels.get()[i] = static_cast<std::byte>(state >> 24u);
  }
  block->voxels = voxels;
  auto plan = std::make_shared<data::RenderPlan>();
  plan->scene_version = version;
  plan->canvas = canvas;
  plan->plane = {.center = {kEdge / 2.0, kEdge / 2.0}, .world_per_px = 0.6};
  data::PlanLayer layer;
  layer.patches.push_back({.block = block, .x0 = 0, .y0 = 0, .x1 = kEdge, .y1 = kEdge});
  layer.transfer = {.contrast_low = 0, .contrast_high = 255, .colormap = "viridis"};
  plan->layers.push_back(std::move(layer));
  return plan;
}

// `hardware`: not a software rasteriser. The error is the reason to skip.
inline gstx::Result<std::shared_ptr<engine::Renderer>> make_gl_renderer(bool hardware) {
  engine::EngineConfig config{.backend = hardware ? engine::BackendChoice::automatic
                                                  : engine::BackendChoice::egl};
  GSTX_ASSIGN_OR_RETURN(auto chosen, engine::make_drawer(config));
  if (!chosen.drawer->draws_on_gpu())
    return gstx::fail(gstx::ErrorCode::unsupported, chosen.reason);
  return std::make_shared<engine::Renderer>(std::move(chosen.drawer), engine::Renderer::Params{});
}

}  // namespace napari::elements
