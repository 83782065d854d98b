// The rays of a volume view in index space of a block, in double precision as far as a row goes. Pure; knows no GL.
// Threads: any. The definition is docs/drawing.md, "A volume". Vectors are (z, y, x).
#pragma once

#include <array>
#include <vector>

#include "data/render_plan.hpp"

namespace napari::engine {

// Mirrors RowRays of mip.comp.
struct RowRays {
  std::array<float, 4> point{};
  std::array<float, 4> direction{};
};

struct RayLayout {
  std::vector<RowRays> rows;  // one a target row, at column 0
  int fixed_axis{-1};  // orthographic: the axis that is sampled plane by plane; -1: perspective
  std::array<float, 2> fixed_slope{};
  std::array<float, 3> point_step{};
  std::array<float, 3> direction_step{};
  std::array<int, 3> front_first{};  // perspective: planes in front of the eye, see mip.comp
  std::array<int, 3> front_end{};
};

[[nodiscard]] RayLayout lay_rays(const data::VolumeView& view, const data::VolumeBlock& volume,
                                 data::CanvasSize canvas, data::CanvasSize target);

}  // namespace napari::engine
