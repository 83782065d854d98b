#include "engine/simd/mip_rays.hpp"

#include <algorithm>
#include <cmath>

namespace napari::engine::simd {
namespace {

constexpr double kEdge = 0.05;  // voxels: well above the rounding of a position in single precision

struct Range {
  double first;
  double last;
};

// Narrows `range` to the planes where low <= start + i * step <= high.
void narrow(Range& range, double start, double step, double low, double high) {
  if (std::abs(step) < 1e-12) {
    if (start < low || start > high) range.last = range.first - 1;
    return;
  }
  const double at_low = (low - start) / step;
  const double at_high = (high - start) / step;
  range.first = std::max(range.first, std::min(at_low, at_high));
  range.last = std::min(range.last, std::max(at_low, at_high));
}

struct Ray {
  double origin[3];
  double direction[3];
};

// The lowest axis with the largest component.
int leading_axis(const Ray& ray) {
  const double z = std::abs(ray.direction[0]);
  const double y = std::abs(ray.direction[1]);
  const double x = std::abs(ray.direction[2]);
  if (z >= y && z >= x) return 0;
  return y >= x ? 1 : 2;
}

bool aim_ray(const MipAxis& axis, const Ray& ray, bool from_eye, MipLanes& lanes, int lane) {
  const double k0 = ray.origin[axis.axis_k];
  const double dk = ray.direction[axis.axis_k];
  const double step_a = ray.direction[axis.axis_a] / dk;
  const double step_b = ray.direction[axis.axis_b] / dk;
  const double start_a = ray.origin[axis.axis_a] - k0 * step_a;
  const double start_b = ray.origin[axis.axis_b] - k0 * step_b;
  if (!std::isfinite(start_a) || !std::isfinite(start_b)) return false;
  Range range{0, static_cast<double>(axis.n_k - 1)};
  if (from_eye && dk > 0) range.first = std::max(range.first, std::floor(k0) + 1);
  if (from_eye && dk < 0) range.last = std::min(range.last, std::ceil(k0) - 1);
  Range inner = range;
  narrow(range, start_a, step_a, -0.5 - kEdge, axis.n_a - 0.5 + kEdge);
  narrow(range, start_b, step_b, -0.5 - kEdge, axis.n_b - 0.5 + kEdge);
  narrow(inner, start_a, step_a, kEdge, axis.n_a - 1 - kEdge);
  narrow(inner, start_b, step_b, kEdge, axis.n_b - 1 - kEdge);
  const double first = std::ceil(range.first);
  const double last = std::floor(range.last);
  if (!(first <= last)) return false;
  lanes.start_a[lane] = static_cast<float>(start_a);
  lanes.start_b[lane] = static_cast<float>(start_b);
  lanes.step_a[lane] = static_cast<float>(step_a);
  lanes.step_b[lane] = static_cast<float>(step_b);
  lanes.first[lane] = static_cast<float>(first);
  lanes.last[lane] = static_cast<float>(last);
  lanes.inner_first[lane] = static_cast<float>(std::clamp(std::ceil(inner.first), first, last + 1));
  lanes.inner_last[lane] = static_cast<float>(std::clamp(std::floor(inner.last), first - 1, last));
  return true;
}

}  // namespace

void MipLanes::clear_lane(int lane) {
  start_a[lane] = 0.5F;
  start_b[lane] = 0.5F;
  step_a[lane] = 0;
  step_b[lane] = 0;
  first[lane] = 1;
  last[lane] = 0;
  inner_first[lane] = 1;
  inner_last[lane] = 0;
}

void MipLanes::copy_lane(int lane, const MipLanes& from, int from_lane) {
  start_a[lane] = from.start_a[from_lane];
  start_b[lane] = from.start_b[from_lane];
  step_a[lane] = from.step_a[from_lane];
  step_b[lane] = from.step_b[from_lane];
  first[lane] = from.first[from_lane];
  last[lane] = from.last[from_lane];
  inner_first[lane] = from.inner_first[from_lane];
  inner_last[lane] = from.inner_last[from_lane];
}

bool aim_rays(const MipAxis& axis, const MipRays& rays, MipLanes& lanes) {
  bool any = false;
  for (int lane = 0; lane < MipLanes::kSize; ++lane) {
    lanes.clear_lane(lane);
    if (lane >= rays.count) continue;
    Ray ray{};
    for (std::size_t c = 0; c < 3; ++c) {
      ray.origin[c] = rays.origin[c] + lane * rays.origin_step[c];
      ray.direction[c] = rays.direction[c] + lane * rays.direction_step[c];
    }
    if (leading_axis(ray) != axis.axis_k || ray.direction[axis.axis_k] == 0) continue;
    any = aim_ray(axis, ray, rays.from_eye, lanes, lane) || any;
  }
  return any;
}

}  // namespace napari::engine::simd
