// What of a plane goes where on the target: the columns and rows of a patch that target columns and rows sample, in double
// precision, and the rectangles in which each patch is the last that paints. Pure; knows no GL.
// Threads: any. The definition is docs/drawing.md, "A plane".
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "data/render_plan.hpp"

namespace napari::engine {

struct PixelRect {
  int x{0}, y{0}, width{0}, height{0};
  bool operator==(const PixelRect&) const = default;
};

// What a target column (row) samples of a patch. Mirrors AxisSample of slice.comp.
struct AxisSample {
  std::int32_t first{0};
  std::int32_t second{0};
  float weight{0};  // of the second
};

// Target columns (rows) [start, start + samples.size()) of one axis that a patch paints.
struct AxisRun {
  int start{0};
  std::vector<AxisSample> samples;
};

// One axis of a patch and of the view.
struct AxisView {
  int target_px{0};  // drawn size
  int canvas_px{0};
  double center{0};  // world, of the canvas
  double world_per_px{1};
  double origin{0};  // world, of pixel 0 of the block
  double spacing{1};
  std::int64_t first{0};  // pixels that may be painted, half-open
  std::int64_t end{0};
  std::int64_t length{0};  // of the block
};

[[nodiscard]] AxisRun lay_axis(const AxisView& axis, data::Interpolation interpolation);

// Where each of `painted` (in order, later over earlier) is on top: rectangles that are disjoint over all.
[[nodiscard]] std::vector<std::vector<PixelRect>> visible_parts(
    const std::vector<PixelRect>& painted);

// Where the patches of a layer go, and the axis tables of all of them in one.
struct SliceLayout {
  std::vector<AxisSample> axes;
  std::vector<std::pair<int, int>> starts;  // in axes, of target column 0 and row 0
  std::vector<std::vector<PixelRect>> parts;
  std::int64_t painted_px{0};
};

[[nodiscard]] SliceLayout lay_slice(const data::PlanLayer& layer, const data::RenderPlan& plan,
                                    data::CanvasSize size);

}  // namespace napari::engine
