// The rays of one row, taken to lanes: where each meets the planes of an axis. Scalar, in double precision; the kernels
// then step in single precision. Threads: any. Owns: nothing.
#pragma once

#include "engine/simd/kernels.hpp"

namespace napari::engine::simd {

inline constexpr int kMipGroupsMax =
    512;  // bricks along a ray that can be skipped; more planes are all visited

// Ray x is at (start_a + i * step_a, start_b + i * step_b) in plane i, and meets planes first..last (none: first > last) that
// may count, of which inner_first..inner_last are at least a twentieth of a voxel away from any edge. Lanes without a ray stay
// at a harmless place.
struct MipLanes {
  static constexpr int kSize = kMipRaysMax + kRowPadding;
  alignas(64) float start_a[kSize];
  alignas(64) float start_b[kSize];
  alignas(64) float step_a[kSize];
  alignas(64) float step_b[kSize];
  alignas(64) float first[kSize];
  alignas(64) float last[kSize];
  alignas(64) float inner_first[kSize];
  alignas(64) float inner_last[kSize];

  void clear_lane(int lane);
  void copy_lane(int lane, const MipLanes& from, int from_lane);
};

// Fills `lanes` with the rays that advance along `axis`; false when there is none.
bool aim_rays(const MipAxis& axis, const MipRays& rays, MipLanes& lanes);

}  // namespace napari::engine::simd
