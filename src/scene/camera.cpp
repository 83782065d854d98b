#include "scene/camera.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace napari::scene {
namespace {

constexpr double kZoomMin = 1e-12;  // canvas pixels per world unit
constexpr double kZoomMax = 1e12;
constexpr double kDistanceMin = 1e-9;
constexpr double kDistanceMax = 1e15;
constexpr double kCenterMax = 1e15;
constexpr double kVolumeBorder = 1.05;
constexpr double kFovMax = 120;

using data::Vec2;
using data::Vec3;

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

double wrap_degrees(double angle) {
  const double wrapped = std::remainder(angle, 360.0);  // [-180, 180]
  return wrapped == -180 ? 180 : wrapped;
}

double clamp_center(double value) { return std::clamp(value, -kCenterMax, kCenterMax); }

Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

struct Basis {  // world (x, y, z)
  Vec3 right, up, forward;
};

Basis basis_of(const Vec3& angles) {
  const double a = radians(angles[0]);
  const double e = radians(angles[1]);
  const double r = radians(angles[2]);
  const Vec3 forward{-std::sin(a) * std::cos(e), std::cos(a) * std::cos(e), -std::sin(e)};
  const Vec3 level{std::cos(a), std::sin(a), 0};
  const Vec3 upright = cross(level, forward);
  Basis basis{level, upright, forward};
  for (std::size_t i = 0; i < 3; ++i) {
    basis.right[i] = level[i] * std::cos(r) - upright[i] * std::sin(r);
    basis.up[i] = upright[i] * std::cos(r) + level[i] * std::sin(r);
  }
  return basis;
}

// World height of the canvas at unit distance; 0: orthographic, where the distance is the height.
double height_per_distance(double fov) { return fov > 0 ? 2 * std::tan(radians(fov) / 2) : 1; }

Vec3 reversed(const Vec3& v) { return {v[2], v[1], v[0]}; }

PlanePose zoom_plane(PlanePose pose, const CameraCommand& command, data::CanvasSize canvas) {
  const double zoom = std::clamp(pose.zoom / command.factor, kZoomMin, kZoomMax);
  const Vec2 offset{command.anchor_px[0] - canvas.width_px / 2.0,
                    canvas.height_px / 2.0 - command.anchor_px[1]};
  for (std::size_t i = 0; i < 2; ++i)
    pose.center[i] = clamp_center(pose.center[i] + offset[i] * (1 / pose.zoom - 1 / zoom));
  pose.zoom = zoom;
  return pose;
}

PlanePose pan_plane(PlanePose pose, const CameraCommand& command) {
  for (std::size_t i = 0; i < 2; ++i)
    pose.center[i] = clamp_center(pose.center[i] - command.delta_px[i] / pose.zoom);
  return pose;
}

VolumePose pan_volume(VolumePose pose, const CameraCommand& command, data::CanvasSize canvas) {
  const Basis basis = basis_of(pose.angles);
  const double scale = world_per_px(pose, canvas);
  for (std::size_t i = 0; i < 3; ++i) {
    const double moved = basis.right[i] * command.delta_px[0] - basis.up[i] * command.delta_px[1];
    pose.center[i] = clamp_center(pose.center[i] - moved * scale);
  }
  return pose;
}

VolumePose turn_volume(VolumePose pose, const Vec3& angles) {
  pose.angles = {wrap_degrees(angles[0]), std::clamp(angles[1], -90.0, 90.0),
                 wrap_degrees(angles[2])};
  return pose;
}

PlanePose set_plane(PlanePose pose, const CameraCommand& command, data::CanvasSize canvas) {
  if (command.rect) {
    const auto& [left, bottom, width, height] = *command.rect;
    pose.center = {clamp_center(left + width / 2), clamp_center(bottom + height / 2)};
    if (width > 0 && height > 0)
      pose.zoom = std::min(canvas.width_px / width, canvas.height_px / height);
  }
  if (command.center)
    pose.center = {clamp_center((*command.center)[0]), clamp_center((*command.center)[1])};
  if (command.zoom) pose.zoom = *command.zoom;
  pose.zoom = std::clamp(pose.zoom, kZoomMin, kZoomMax);
  return pose;
}

VolumePose set_volume(VolumePose pose, const CameraCommand& command) {
  if (command.center)
    for (std::size_t i = 0; i < 3; ++i) pose.center[i] = clamp_center((*command.center)[i]);
  if (command.angles) pose = turn_volume(pose, *command.angles);
  if (command.fov) {  // keeps what the canvas shows at the centre's depth
    const double height = pose.distance * height_per_distance(pose.fov);
    pose.fov = std::clamp(*command.fov, 0.0, kFovMax);
    pose.distance = std::clamp(height / height_per_distance(pose.fov), kDistanceMin, kDistanceMax);
  }
  return pose;
}

CameraPose apply_in_plane(CameraPose pose, const CameraCommand& command,
                          const CameraContext& context) {
  switch (command.kind) {
    case CameraCommandKind::zoom:
      pose.plane = zoom_plane(pose.plane, command, context.canvas);
      break;
    case CameraCommandKind::pan:
      pose.plane = pan_plane(pose.plane, command);
      break;
    case CameraCommandKind::reset:
      pose.plane = context.home.plane;
      break;
    case CameraCommandKind::set:
      if (command.angles || command.fov)
        pose.volume = set_volume(pose.volume, command);
      else
        pose.plane = set_plane(pose.plane, command, context.canvas);
      break;
    case CameraCommandKind::orbit:
      break;
  }
  return pose;
}

CameraPose apply_in_volume(CameraPose pose, const CameraCommand& command,
                           const CameraContext& context) {
  VolumePose& volume = pose.volume;
  switch (command.kind) {
    case CameraCommandKind::zoom:
      volume.distance = std::clamp(volume.distance * command.factor, kDistanceMin, kDistanceMax);
      break;
    case CameraCommandKind::pan:
      volume = pan_volume(volume, command, context.canvas);
      break;
    case CameraCommandKind::orbit:
      volume = turn_volume(volume, {volume.angles[0] + command.delta_deg[0],
                                    volume.angles[1] + command.delta_deg[1], volume.angles[2]});
      break;
    case CameraCommandKind::reset:
      volume = context.home.volume;
      break;
    case CameraCommandKind::set:
      volume = set_volume(volume, command);
      break;
  }
  return pose;
}

VolumePose home_volume(const WorldBox& box, data::CanvasSize canvas) {
  VolumePose pose;
  const Basis basis = basis_of(pose.angles);
  double width = 0;
  double height = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double extent = std::abs(box.high[i] - box.low[i]);
    pose.center[i] = (box.low[i] + box.high[i]) / 2;
    width += extent * std::abs(basis.right[i]);
    height += extent * std::abs(basis.up[i]);
  }
  const double aspect = static_cast<double>(canvas.height_px) / canvas.width_px;
  pose.distance =
      std::clamp(kVolumeBorder * std::max(height, width * aspect), kDistanceMin, kDistanceMax);
  return pose;
}

}  // namespace

double world_per_px(const VolumePose& pose, data::CanvasSize canvas) {
  return pose.distance * height_per_distance(pose.fov) / canvas.height_px;
}

CameraPose home_pose(const WorldBox& box, data::CanvasSize canvas) {
  CameraPose pose;
  const double width = std::abs(box.high[0] - box.low[0]);
  const double height = std::abs(box.high[1] - box.low[1]);
  pose.plane.center = {(box.low[0] + box.high[0]) / 2, (box.low[1] + box.high[1]) / 2};
  if (width > 0 && height > 0)
    pose.plane.zoom = std::clamp(std::min(canvas.width_px / width, canvas.height_px / height),
                                 kZoomMin, kZoomMax);
  pose.volume = home_volume(box, canvas);
  return pose;
}

CameraPose apply_camera(const CameraPose& pose, const CameraCommand& command,
                        const CameraContext& context) {
  return context.ndisplay >= 3 ? apply_in_volume(pose, command, context)
                               : apply_in_plane(pose, command, context);
}

data::PlaneView plane_view(const PlanePose& pose) { return {pose.center, 1 / pose.zoom}; }

data::VolumeView volume_view(const VolumePose& pose, data::CanvasSize canvas) {
  const Basis basis = basis_of(pose.angles);
  data::VolumeView view;
  view.center = reversed(pose.center);
  view.right = reversed(basis.right);
  view.forward = reversed(basis.forward);
  for (std::size_t i = 0; i < 3; ++i) view.down[i] = 0.0 - basis.up[2 - i];
  view.world_per_px = world_per_px(pose, canvas);
  view.perspective = pose.fov > 0;
  view.distance = view.perspective ? pose.distance : 0;
  return view;
}

}  // namespace napari::scene
