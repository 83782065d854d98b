#include "scene/scene_builder.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <glib.h>

namespace napari::scene {
namespace {

// Clients address axes by label, so labels must be there and be unique.
std::vector<std::string> unique_labels(const std::vector<data::Axis>& axes) {
  std::vector<std::string> labels;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::string label = axes[i].name.empty() ? fmt::format("axis-{}", i) : axes[i].name;
    while (!taken.insert(label).second) label += fmt::format("-{}", i);
    labels.push_back(std::move(label));
  }
  return labels;
}

bool ordered(const std::array<double, 2>& limits) {
  return std::isfinite(limits[0]) && std::isfinite(limits[1]) && limits[0] < limits[1];
}

}  // namespace

std::vector<int> display_order(const std::vector<data::Axis>& axes) {
  std::vector<int> order;
  for (const bool space : {false, true}) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if ((axes[i].type == data::AxisType::space) == space) order.push_back(static_cast<int>(i));
    }
  }
  return order;
}

gstx::Result<FirstScene> build_first_scene(const OpenedImage& opened, int ndisplay) {
  g_assert(opened.source != nullptr);
  const data::ImageInfo& info = opened.source->info();
  if (info.axes.size() < 2) {
    return gstx::fail(
        gstx::ErrorCode::unsupported,
        fmt::format("'{}' has {} axes, a picture needs 2", info.path, info.axes.size()));
  }
  if (!ordered(opened.contrast_limits) || !ordered(opened.contrast_range)) {
    return gstx::fail(gstx::ErrorCode::internal,
                      fmt::format("contrast limits {}..{} in range {}..{} are not ordered",
                                  opened.contrast_limits[0], opened.contrast_limits[1],
                                  opened.contrast_range[0], opened.contrast_range[1]));
  }
  FirstScene scene;
  scene.layer.name = info.name.empty() ? "image" : info.name;
  scene.layer.controls.contrast_limits = opened.contrast_limits;
  scene.layer.contrast_range = opened.contrast_range;
  scene.layer.thumbnail = blank_thumbnail();

  Dims& dims = scene.dims;
  dims.axis_labels = unique_labels(info.axes);
  dims.order = display_order(info.axes);
  dims.ndisplay = ndisplay >= 3 && info.axes.size() >= 3 ? 3 : 2;
  dims.current_step.assign(info.axes.size(), 0);
  // The middle of each axis that a plane leaves out, whatever is displayed now: leaving a volume shows its middle.
  for (std::size_t i = 0; i + 2 < dims.order.size(); ++i) {
    const auto axis = static_cast<std::size_t>(dims.order[i]);
    if (info.axes[axis].type == data::AxisType::channel) continue;
    dims.current_step[axis] = info.levels.front().shape[axis] / 2;
  }
  return scene;
}

Dims idle_dims() { return Dims{}; }

std::vector<std::int64_t> rescale_step(const data::ImageInfo& info,
                                       const std::vector<std::int64_t>& step, int from, int to) {
  const data::Level& source = info.levels.at(static_cast<std::size_t>(from));
  const data::Level& target = info.levels.at(static_cast<std::size_t>(to));
  std::vector<std::int64_t> rescaled(step.size(), 0);
  for (std::size_t i = 0; i < step.size() && i < target.shape.size(); ++i) {
    const double world = source.scale[i] * static_cast<double>(step[i]) + source.translation[i];
    const double index = std::round((world - target.translation[i]) / target.scale[i]);
    const auto last = static_cast<double>(std::max<std::int64_t>(target.shape[i] - 1, 0));
    rescaled[i] =
        static_cast<std::int64_t>(std::isfinite(index) ? std::clamp(index, 0.0, last) : 0);
  }
  return rescaled;
}

std::vector<std::uint8_t> blank_thumbnail() {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kThumbnailEdge * kThumbnailEdge * 4),
                                   0);
  for (std::size_t i = 3; i < pixels.size(); i += 4) pixels[i] = 255;
  return pixels;
}

}  // namespace napari::scene
