#include "engine/gl/ray_layout.hpp"

#include <algorithm>
#include <cmath>

namespace napari::engine {
namespace {

using data::Vec3;

Vec3 operator+(const Vec3& a, const Vec3& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
Vec3 operator-(const Vec3& a, const Vec3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
Vec3 operator*(const Vec3& a, double s) { return {a[0] * s, a[1] * s, a[2] * s}; }
Vec3 operator/(const Vec3& a, const Vec3& b) { return {a[0] / b[0], a[1] / b[1], a[2] / b[2]}; }

std::array<float, 3> to_float(const Vec3& v) {
  return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2])};
}

int steepest(const Vec3& d) {
  int axis = 0;
  for (int i = 1; i < 3; ++i) {
    if (std::abs(d[static_cast<std::size_t>(i)]) > std::abs(d[static_cast<std::size_t>(axis)])) {
      axis = i;
    }
  }
  return axis;
}

int plane(double index, std::int64_t count) {
  return static_cast<int>(std::clamp(index, 0.0, static_cast<double>(count)));
}

// A target pixel's world offset on the focal plane is base + column * per_column + row * per_row.
struct FocalPlane {
  Vec3 base, per_column, per_row;
};

FocalPlane focal_plane(const data::VolumeView& view, data::CanvasSize canvas,
                       data::CanvasSize target) {
  const double step_u = static_cast<double>(canvas.width_px) / target.width_px;
  const double step_v = static_cast<double>(canvas.height_px) / target.height_px;
  const Vec3 right = view.right * view.world_per_px;
  const Vec3 down = view.down * view.world_per_px;
  return {right * (0.5 * step_u - 0.5 * canvas.width_px) +
              down * (0.5 * step_v - 0.5 * canvas.height_px),
          right * step_u, down * step_v};
}

}  // namespace

RayLayout lay_rays(const data::VolumeView& view, const data::VolumeBlock& volume,
                   data::CanvasSize canvas, data::CanvasSize target) {
  const FocalPlane focal = focal_plane(view, canvas, target);
  const Vec3 center = (view.center - volume.origin) / volume.spacing;
  const Vec3 forward = view.forward / volume.spacing;
  const Vec3 per_column = focal.per_column / volume.spacing;
  RayLayout layout;
  layout.rows.resize(static_cast<std::size_t>(target.height_px));
  std::size_t k = 0, a = 0, b = 0;
  Vec3 slope{};
  if (!view.perspective) {
    layout.fixed_axis = steepest(forward);
    k = static_cast<std::size_t>(layout.fixed_axis);
    a = k == 0 ? 1 : 0;
    b = k == 2 ? 1 : 2;
    slope = forward * (1.0 / forward[k]);
    layout.fixed_slope = {static_cast<float>(slope[a]), static_cast<float>(slope[b])};
    layout.point_step = {static_cast<float>(per_column[a] - per_column[k] * slope[a]),
                         static_cast<float>(per_column[b] - per_column[k] * slope[b]), 0.0F};
  } else {
    layout.point_step = to_float(per_column);
    layout.direction_step = to_float(per_column);
    const Vec3 eye = center - forward * view.distance;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::int64_t count = volume.block->shape[axis];
      layout.front_first[axis] = plane(std::floor(eye[axis]) + 1.0, count);
      layout.front_end[axis] = plane(std::ceil(eye[axis]), count);
    }
  }
  for (int row = 0; row < target.height_px; ++row) {
    const Vec3 offset = (focal.base + focal.per_row * row) / volume.spacing;
    const Vec3 point = center + offset;
    RowRays& rays = layout.rows[static_cast<std::size_t>(row)];
    if (!view.perspective) {
      rays.point = {static_cast<float>(point[a] - point[k] * slope[a]),
                    static_cast<float>(point[b] - point[k] * slope[b]), 0.0F, 0.0F};
    } else {
      const auto p = to_float(point);
      const auto d = to_float(offset + forward * view.distance);
      rays.point = {p[0], p[1], p[2], 0.0F};
      rays.direction = {d[0], d[1], d[2], 0.0F};
    }
  }
  return layout;
}

}  // namespace napari::engine
