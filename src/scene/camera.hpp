// Poses of the two cameras, as they stand on the wire, and the commands that move them. Pure
// values; the maths is camera.cpp's. The render thread owns the current pose; the ledger mirrors
// it. Threads: any (values).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "data/render_plan.hpp"
#include "data/types.hpp"

namespace napari::scene {

// World coordinates are the data set's, of the displayed axes; x is the last displayed axis.
struct PlanePose {
  data::Vec2 center{0, 0};  // world (x, y)
  double zoom{1};           // canvas pixels per world unit
  bool operator==(const PlanePose&) const = default;
};

// A turntable, as vispy's and the reference server's: azimuth a, elevation e and roll in degrees,
// the first displayed axis (z) up. At (0, 0, 0) the view is along +y with x to the right and z up;
// e = 90 looks down from +z; in world (x, y, z)
//   forward = (-sin a cos e, cos a cos e, -sin e), right = (cos a, sin a, 0), up = right x forward,
//   then roll about forward.
struct VolumePose {
  data::Vec3 center{0, 0, 0};    // world (x, y, z), the wire's order
  data::Vec3 angles{30, 30, 0};  // azimuth, elevation, roll; degrees
  double distance{1};            // fov > 0: eye to centre; fov == 0: world height of the canvas
  double fov{0};                 // degrees, 0 (orthographic) ..120
  bool operator==(const VolumePose&) const = default;
};

struct CameraPose {
  PlanePose plane;
  VolumePose volume;
  bool operator==(const CameraPose&) const = default;
};

enum class CameraCommandKind { zoom, pan, orbit, reset, set };

// One camera intent, validated (finite, in range). wire_protocol.md section 5 gives the semantics.
struct CameraCommand {
  CameraCommandKind kind{CameraCommandKind::reset};
  std::uint64_t scene_version{
      0};            // the ledger's version of the intent; presented once a frame carries it
  double factor{1};  // zoom: multiplies the visible extent, > 1 shows more
  data::Vec2 anchor_px{0, 0};        // zoom: canvas pixels, origin bottom-left, y up
  data::Vec2 delta_px{0, 0};         // pan: canvas pixels, x right, y down
  data::Vec2 delta_deg{0, 0};        // orbit: azimuth, elevation
  std::optional<data::Vec3> center;  // set: x, y (, z)
  std::optional<double> zoom;        // set, 2-D: canvas pixels per world unit
  std::optional<data::Vec3> angles;  // set, 3-D
  std::optional<std::array<double, 4>>
      rect;                   // set, 2-D: left, bottom, width, height in world units
  std::optional<double> fov;  // set, 3-D (our extension)
};

// Axis-aligned bounds of what is shown, in world (x, y, z); z is ignored in 2-D.
struct WorldBox {
  data::Vec3 low{0, 0, 0};
  data::Vec3 high{1, 1, 1};
  bool operator==(const WorldBox&) const = default;
};

// Everything applying a command needs but the pose and the command.
struct CameraContext {
  int ndisplay{2};
  data::CanvasSize canvas;
  CameraPose home;  // what `reset` goes back to
};

// The whole box in view: the plane centred and fitted exactly, the volume from the default angles
// with a small border.
[[nodiscard]] CameraPose home_pose(const WorldBox& box, data::CanvasSize canvas);

// The pose after `command`. A command that has no meaning in the mode (an orbit in 2-D) changes
// nothing. Extents stay within bounds where doubles are exact enough, so no sequence of valid
// commands gives a pose that is not finite.
[[nodiscard]] CameraPose apply_camera(const CameraPose& pose, const CameraCommand& command,
                                      const CameraContext& context);

[[nodiscard]] data::PlaneView plane_view(const PlanePose& pose);
[[nodiscard]] data::VolumeView volume_view(const VolumePose& pose, data::CanvasSize canvas);

// World units per canvas pixel at the centre's depth.
[[nodiscard]] double world_per_px(const VolumePose& pose, data::CanvasSize canvas);

}  // namespace napari::scene
