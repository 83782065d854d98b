// Whether a plan and a target can be drawn at all: what the shaders take for granted. Pure. Threads: any.
#pragma once

#include "data/render_plan.hpp"
#include "engine/drawer.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// `invalid_argument` naming what is wrong, with its layer.
[[nodiscard]] gstx::Result<void> check_plan(const data::RenderPlan& plan);
[[nodiscard]] gstx::Result<void> check_target(const CpuTarget& target);

}  // namespace napari::engine
