#include "engine/gl/slice_layout.hpp"

#include <algorithm>
#include <cmath>

namespace napari::engine {
namespace {

AxisSample sample_at(double u, std::int64_t length, data::Interpolation interpolation) {
  const auto last = static_cast<double>(length - 1);
  if (interpolation == data::Interpolation::nearest) {
    const auto index = static_cast<std::int32_t>(std::clamp(std::floor(u + 0.5), 0.0, last));
    return {index, index, 0.0F};
  }
  const double inside = std::clamp(u, 0.0, last);
  const double corner = std::floor(inside);
  const auto first = static_cast<std::int32_t>(corner);
  return {first, static_cast<std::int32_t>(std::min<std::int64_t>(first + 1, length - 1)),
          static_cast<float>(inside - corner)};
}

// Appends what is left of `whole` without `hole`: at most four rectangles.
void cut(const PixelRect& whole, const PixelRect& hole, std::vector<PixelRect>& left_over) {
  const int x0 = std::max(whole.x, hole.x);
  const int y0 = std::max(whole.y, hole.y);
  const int x1 = std::min(whole.x + whole.width, hole.x + hole.width);
  const int y1 = std::min(whole.y + whole.height, hole.y + hole.height);
  if (x0 >= x1 || y0 >= y1) {
    left_over.push_back(whole);
    return;
  }
  const auto keep = [&](int x, int y, int width, int height) {
    if (width > 0 && height > 0) left_over.push_back({x, y, width, height});
  };
  keep(whole.x, whole.y, whole.width, y0 - whole.y);
  keep(whole.x, y0, x0 - whole.x, y1 - y0);
  keep(x1, y0, whole.x + whole.width - x1, y1 - y0);
  keep(whole.x, y1, whole.width, whole.y + whole.height - y1);
}

}  // namespace

AxisRun lay_axis(const AxisView& axis, data::Interpolation interpolation) {
  AxisRun run;
  const double low = static_cast<double>(axis.first) - 0.5;
  const double high = static_cast<double>(axis.end) - 0.5;
  const double half = 0.5 * axis.canvas_px;
  for (int i = 0; i < axis.target_px; ++i) {
    const double canvas = (i + 0.5) * axis.canvas_px / axis.target_px;
    const double world = axis.center + (canvas - half) * axis.world_per_px;
    const double u = (world - axis.origin) / axis.spacing;
    if (u < low) continue;
    if (!(u < high)) break;  // u grows with i
    if (run.samples.empty()) run.start = i;
    run.samples.push_back(sample_at(u, axis.length, interpolation));
  }
  return run;
}

std::vector<std::vector<PixelRect>> visible_parts(const std::vector<PixelRect>& painted) {
  std::vector<std::vector<PixelRect>> parts(painted.size());
  for (std::size_t i = 0; i < painted.size(); ++i) {
    std::vector<PixelRect> visible;
    if (painted[i].width > 0 && painted[i].height > 0) visible.push_back(painted[i]);
    for (std::size_t over = i + 1; over < painted.size() && !visible.empty(); ++over) {
      std::vector<PixelRect> left_over;
      for (const PixelRect& part : visible) cut(part, painted[over], left_over);
      visible = std::move(left_over);
    }
    parts[i] = std::move(visible);
  }
  return parts;
}

namespace {

// Both axes of `patch`: columns, then rows.
std::pair<AxisRun, AxisRun> lay_patch(const data::PlanePatch& patch, const data::RenderPlan& plan,
                                      data::CanvasSize size, data::Interpolation interpolation) {
  AxisView axis{.target_px = size.width_px,
                .canvas_px = plan.canvas.width_px,
                .center = plan.plane.center[0],
                .world_per_px = plan.plane.world_per_px,
                .origin = patch.origin[0],
                .spacing = patch.spacing[0],
                .first = patch.x0,
                .end = patch.x1,
                .length = patch.block->shape[2]};
  AxisRun columns = lay_axis(axis, interpolation);
  axis.target_px = size.height_px;
  axis.canvas_px = plan.canvas.height_px;
  axis.center = plan.plane.center[1];
  axis.origin = patch.origin[1];
  axis.spacing = patch.spacing[1];
  axis.first = patch.y0;
  axis.end = patch.y1;
  axis.length = patch.block->shape[1];
  return {std::move(columns), lay_axis(axis, interpolation)};
}

}  // namespace

SliceLayout lay_slice(const data::PlanLayer& layer, const data::RenderPlan& plan,
                      data::CanvasSize size) {
  SliceLayout layout;
  std::vector<PixelRect> painted;
  for (const data::PlanePatch& patch : layer.patches) {
    const auto [columns, rows] = lay_patch(patch, plan, size, layer.interpolation);
    const auto begin = static_cast<int>(layout.axes.size());
    const auto width = static_cast<int>(columns.samples.size());
    layout.starts.emplace_back(begin - columns.start, begin + width - rows.start);
    layout.axes.insert(layout.axes.end(), columns.samples.begin(), columns.samples.end());
    layout.axes.insert(layout.axes.end(), rows.samples.begin(), rows.samples.end());
    painted.push_back({columns.start, rows.start, width, static_cast<int>(rows.samples.size())});
  }
  layout.parts = visible_parts(painted);
  for (const auto& parts : layout.parts) {
    for (const PixelRect& part : parts) {
      layout.painted_px += static_cast<std::int64_t>(part.width) * part.height;
    }
  }
  return layout;
}

}  // namespace napari::engine
