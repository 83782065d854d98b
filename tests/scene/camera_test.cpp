#include "scene/camera.hpp"

#include <cmath>
#include <tuple>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace napari::scene {
namespace {

using data::Vec2;
using data::Vec3;

double uniform(double low, double high) {
  return low + (high - low) * *rc::gen::inRange(0, 1'000'001) / 1e6;
}

data::CanvasSize any_canvas() {
  return {2 * *rc::gen::inRange(32, 2000), 2 * *rc::gen::inRange(32, 2000)};
}

CameraPose any_pose() {
  CameraPose pose;
  pose.plane = {{uniform(-1e4, 1e4), uniform(-1e4, 1e4)}, std::exp(uniform(-5, 5))};
  pose.volume = {{uniform(-1e4, 1e4), uniform(-1e4, 1e4), uniform(-1e4, 1e4)},
                 {uniform(-180, 180), uniform(-90, 90), uniform(-180, 180)},
                 std::exp(uniform(-3, 8)),
                 *rc::gen::element(0.0, 30.0, 60.0, 110.0)};
  return pose;
}

CameraCommand any_command() {
  CameraCommand command;
  command.kind =
      *rc::gen::element(CameraCommandKind::zoom, CameraCommandKind::pan, CameraCommandKind::orbit,
                        CameraCommandKind::reset, CameraCommandKind::set);
  command.factor = std::exp(uniform(-20, 20));
  command.anchor_px = {uniform(0, 2000), uniform(0, 2000)};
  command.delta_px = {uniform(-1e6, 1e6), uniform(-1e6, 1e6)};
  command.delta_deg = {uniform(-1000, 1000), uniform(-1000, 1000)};
  if (*rc::gen::arbitrary<bool>()) command.center = Vec3{uniform(-1e6, 1e6), 3, uniform(-9, 9)};
  if (*rc::gen::arbitrary<bool>()) command.zoom = std::exp(uniform(-20, 20));
  if (*rc::gen::arbitrary<bool>()) command.angles = Vec3{uniform(-999, 999), uniform(-99, 99), 7};
  if (*rc::gen::arbitrary<bool>())
    command.rect = {{uniform(-9, 9), uniform(-9, 9), uniform(0, 99), uniform(0, 99)}};
  if (*rc::gen::arbitrary<bool>()) command.fov = uniform(0, 120);
  return command;
}

// World point of a canvas pixel (origin top-left), as data::PlaneView defines it.
Vec2 world_at(const PlanePose& pose, data::CanvasSize canvas, Vec2 px) {
  const auto view = plane_view(pose);
  return {view.center[0] + (px[0] - canvas.width_px / 2.0) * view.world_per_px,
          view.center[1] + (px[1] - canvas.height_px / 2.0) * view.world_per_px};
}

double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

RC_GTEST_PROP(Camera, ZoomKeepsTheWorldPointUnderTheAnchor, ()) {
  const auto canvas = any_canvas();
  const CameraPose before = any_pose();
  CameraCommand zoom{.kind = CameraCommandKind::zoom, .factor = std::exp(uniform(-3, 3))};
  zoom.anchor_px = {uniform(0, canvas.width_px), uniform(0, canvas.height_px)};
  const auto after = apply_camera(before, zoom, {2, canvas, {}});
  const Vec2 px{zoom.anchor_px[0], canvas.height_px - zoom.anchor_px[1]};
  const Vec2 a = world_at(before.plane, canvas, px);
  const Vec2 b = world_at(after.plane, canvas, px);
  for (std::size_t i = 0; i < 2; ++i)
    RC_ASSERT(std::abs(a[i] - b[i]) * after.plane.zoom <
              1e-6 * std::max(1.0, 1e-3 * canvas.width_px));
  RC_ASSERT(std::abs(after.plane.zoom * zoom.factor / before.plane.zoom - 1) < 1e-12);
  RC_ASSERT(after.volume == before.volume);
}

RC_GTEST_PROP(Camera, PanMovesTheContentWithThePointer, ()) {
  const auto canvas = any_canvas();
  const CameraPose before = any_pose();
  CameraCommand pan{.kind = CameraCommandKind::pan};
  pan.delta_px = {uniform(-500, 500), uniform(-500, 500)};
  const auto after = apply_camera(before, pan, {2, canvas, {}});
  const Vec2 a = world_at(before.plane, canvas, {10, 20});
  const Vec2 b = world_at(after.plane, canvas, {10 + pan.delta_px[0], 20 + pan.delta_px[1]});
  for (std::size_t i = 0; i < 2; ++i) RC_ASSERT(std::abs(a[i] - b[i]) * before.plane.zoom < 1e-6);
}

RC_GTEST_PROP(Camera, VolumeBasisIsOrthonormalAndRightHanded, ()) {
  const auto view = volume_view(any_pose().volume, any_canvas());
  RC_ASSERT(std::abs(dot(view.right, view.right) - 1) < 1e-12);
  RC_ASSERT(std::abs(dot(view.down, view.down) - 1) < 1e-12);
  RC_ASSERT(std::abs(dot(view.forward, view.forward) - 1) < 1e-12);
  RC_ASSERT(std::abs(dot(view.right, view.down)) < 1e-12);
  RC_ASSERT(std::abs(dot(view.right, view.forward)) < 1e-12);
  RC_ASSERT(std::abs(dot(view.down, view.forward)) < 1e-12);
  // Components are (z, y, x), so a right-handed frame has determinant -1 in this order.
  const auto& [f, r, d] = std::tie(view.forward, view.right, view.down);
  const double determinant = f[0] * (r[1] * d[2] - r[2] * d[1]) -
                             f[1] * (r[0] * d[2] - r[2] * d[0]) +
                             f[2] * (r[0] * d[1] - r[1] * d[0]);
  RC_ASSERT(std::abs(determinant + 1) < 1e-9);
}

RC_GTEST_PROP(Camera, VolumePanFollowsThePointerAtTheCentresDepth, ()) {
  const auto canvas = any_canvas();
  const CameraPose before = any_pose();
  CameraCommand pan{.kind = CameraCommandKind::pan};
  pan.delta_px = {uniform(-500, 500), uniform(-500, 500)};
  const auto after = apply_camera(before, pan, {3, canvas, {}});
  const auto view = volume_view(before.volume, canvas);
  Vec3 moved{};
  for (std::size_t i = 0; i < 3; ++i)
    moved[i] = (before.volume.center[2 - i] - after.volume.center[2 - i]) / view.world_per_px;
  RC_ASSERT(std::abs(dot(moved, view.right) - pan.delta_px[0]) < 1e-3);
  RC_ASSERT(std::abs(dot(moved, view.down) - pan.delta_px[1]) < 1e-3);
  RC_ASSERT(std::abs(dot(moved, view.forward)) < 1e-3);
  RC_ASSERT(after.volume.distance == before.volume.distance);
}

RC_GTEST_PROP(Camera, AnySequenceOfCommandsStaysFiniteAndInRange, ()) {
  CameraPose pose = any_pose();
  const CameraContext context{*rc::gen::element(2, 3), any_canvas(), any_pose()};
  const int count = *rc::gen::inRange(1, 60);
  for (int i = 0; i < count; ++i) pose = apply_camera(pose, any_command(), context);
  RC_ASSERT(std::isfinite(pose.plane.center[0]) && std::isfinite(pose.plane.center[1]));
  RC_ASSERT(std::isfinite(pose.plane.zoom) && pose.plane.zoom > 0);
  for (const double value : pose.volume.center) RC_ASSERT(std::isfinite(value));
  RC_ASSERT(std::isfinite(pose.volume.distance) && pose.volume.distance > 0);
  RC_ASSERT(std::abs(pose.volume.angles[0]) <= 180);
  RC_ASSERT(std::abs(pose.volume.angles[1]) <= 90);
  RC_ASSERT(pose.volume.fov >= 0 && pose.volume.fov <= 120);
}

RC_GTEST_PROP(Camera, ChangingTheFieldOfViewKeepsWhatIsShown, ()) {
  const auto canvas = any_canvas();
  const CameraPose before = any_pose();
  CameraCommand set{.kind = CameraCommandKind::set};
  set.fov = *rc::gen::element(0.0, 20.0, 90.0);
  const auto after = apply_camera(before, set, {3, canvas, {}});
  RC_ASSERT(after.volume.fov == *set.fov);
  RC_ASSERT(std::abs(world_per_px(after.volume, canvas) / world_per_px(before.volume, canvas) - 1) <
            1e-9);
}

TEST(Camera, TurntableLooksAlongYWithZUpAtZeroAngles) {
  VolumePose pose;
  pose.angles = {0, 0, 0};
  const auto view = volume_view(pose, {100, 100});
  EXPECT_NEAR(view.forward[1], 1, 1e-12);  // (z, y, x)
  EXPECT_NEAR(view.right[2], 1, 1e-12);
  EXPECT_NEAR(view.down[0], -1, 1e-12);
  pose.angles = {0, 90, 0};
  const auto from_above = volume_view(pose, {100, 100});
  EXPECT_NEAR(from_above.forward[0], -1, 1e-12);
  EXPECT_NEAR(from_above.right[2], 1, 1e-12);
  EXPECT_NEAR(from_above.down[1], -1, 1e-12);
  pose.angles = {90, 0, 0};
  EXPECT_NEAR(volume_view(pose, {100, 100}).forward[2], -1, 1e-12);
}

TEST(Camera, OrbitWrapsAzimuthAndClampsElevation) {
  CameraPose pose;
  CameraCommand orbit{.kind = CameraCommandKind::orbit};
  orbit.delta_deg = {200, 100};
  pose = apply_camera(pose, orbit, {3, {640, 480}, {}});
  EXPECT_NEAR(pose.volume.angles[0], -130, 1e-9);
  EXPECT_EQ(pose.volume.angles[1], 90);
}

TEST(Camera, OrbitInAPlaneChangesNothing) {
  const CameraPose pose;
  CameraCommand orbit{.kind = CameraCommandKind::orbit};
  orbit.delta_deg = {20, 10};
  EXPECT_EQ(apply_camera(pose, orbit, {2, {640, 480}, {}}), pose);
}

TEST(Camera, HomeShowsTheWholeBox) {
  const WorldBox box{{-10, 5, 0}, {190, 105, 50}};
  const auto home = home_pose(box, {1000, 800});
  EXPECT_EQ(home.plane.center, (Vec2{90, 55}));
  EXPECT_DOUBLE_EQ(home.plane.zoom, 5);
  const auto view = volume_view(home.volume, {1000, 800});
  for (int corner = 0; corner < 8; ++corner) {
    Vec3 offset{};
    for (std::size_t i = 0; i < 3; ++i)
      offset[i] = ((corner >> i) % 2 != 0 ? box.high : box.low)[2 - i] - view.center[i];
    EXPECT_LE(std::abs(dot(offset, view.right)) / view.world_per_px, 500);
    EXPECT_LE(std::abs(dot(offset, view.down)) / view.world_per_px, 400);
  }
}

TEST(Camera, ResetGoesHomeInTheActiveModeOnly) {
  CameraPose pose;
  pose.plane.zoom = 7;
  pose.volume.distance = 9;
  CameraContext context{2, {100, 100}, home_pose({}, {100, 100})};
  const CameraCommand reset{.kind = CameraCommandKind::reset};
  const auto plane = apply_camera(pose, reset, context);
  EXPECT_EQ(plane.plane, context.home.plane);
  EXPECT_EQ(plane.volume, pose.volume);
  context.ndisplay = 3;
  const auto volume = apply_camera(pose, reset, context);
  EXPECT_EQ(volume.plane, pose.plane);
  EXPECT_EQ(volume.volume, context.home.volume);
}

TEST(Camera, SetRectShowsTheRectangle) {
  CameraCommand set{.kind = CameraCommandKind::set};
  set.rect = {{10, 20, 100, 50}};
  const auto pose = apply_camera({}, set, {2, {1000, 1000}, {}});
  EXPECT_EQ(pose.plane.center, (Vec2{60, 45}));
  EXPECT_DOUBLE_EQ(pose.plane.zoom, 10);
}

}  // namespace
}  // namespace napari::scene
