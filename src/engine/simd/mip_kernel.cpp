#include <algorithm>
#include <cmath>
#include <limits>

#include "data/dispatch.hpp"
#include "data/render_plan.hpp"
#include "engine/simd/kernels.hpp"
#include "engine/simd/mip_rays.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/simd/mip_kernel.cpp"
#include <hwy/foreach_target.h>

#include "engine/simd/lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace napari::engine::simd {
namespace HWY_NAMESPACE {

using FloatMask = hn::Mask<FloatTag>;

constexpr int kGroupsMax = kMipGroupsMax;
constexpr float kNothing = -std::numeric_limits<float>::infinity();
constexpr float kReachMargin =
    0.02F;  // positions are rounded; bricks are looked up a little too far out

// The largest distance in bytes that a 32-bit gather can span.
constexpr std::int64_t kSpanMax = (std::int64_t{1} << 31) - 64;

// One vector of rays against one axis.
struct Packet {
  const MipAxis& axis;
  const MipLanes& rays;
  std::size_t at;               // first lane in `rays`
  int first, last;              // planes that any ray meets
  int inner_first, inner_last;  // planes that every ray meets well inside
};

HWY_INLINE FloatVec position(const float* start, const float* step, FloatVec plane) {
  const FloatTag df;
  return hn::MulAdd(plane, hn::LoadU(df, step), hn::LoadU(df, start));
}

// Interpolates in [0, 1]. With floats the result is kept between its ends and a weight of 0 takes the first voxel even when
// the other is no number, so that no sample exceeds what it touches; integers up to 16 bits do so anyway.
template <typename T>
HWY_INLINE FloatVec between(FloatVec a, FloatVec b, FloatVec weight) {
  const FloatTag df;
  const FloatVec mixed = hn::MulAdd(hn::Sub(b, a), weight, a);
  if constexpr (sizeof(T) <= 2) {
    return mixed;
  } else {
    const FloatVec high = hn::IfThenElse(hn::Gt(a, b), a, b);
    const FloatVec kept = hn::IfThenElse(hn::Gt(mixed, high), high, mixed);
    return hn::IfThenElse(hn::Eq(weight, hn::Zero(df)), a, kept);
  }
}

// Where the offsets of a plane's gathers count from: a later row where a plane is larger than 2 GiB.
struct PlaneBase {
  const std::byte* voxels;
  std::int32_t first_a;
};

template <typename T>
HWY_INLINE FloatVec sample_nearest(const MipAxis& axis, const PlaneBase& base, FloatVec p_a,
                                   FloatVec p_b) {
  const FloatTag df;
  const IntTag di;
  const FloatVec half = hn::Set(df, 0.5F);
  const IntVec a = hn::Min(hn::ConvertTo(di, hn::Add(p_a, half)), hn::Set(di, axis.n_a - 1));
  const IntVec b = hn::Min(hn::ConvertTo(di, hn::Add(p_b, half)), hn::Set(di, axis.n_b - 1));
  const IntVec row = hn::Mul(hn::Sub(a, hn::Set(di, base.first_a)),
                             hn::Set(di, static_cast<std::int32_t>(axis.stride_a)));
  const IntVec column = hn::Mul(b, hn::Set(di, static_cast<std::int32_t>(axis.stride_b)));
  return first_voxel<T>(gather_words(base.voxels, hn::Add(row, column)));
}

template <typename T, bool kAtEdge>
HWY_INLINE FloatVec sample_linear(const MipAxis& axis, const PlaneBase& base, FloatVec p_a,
                                  FloatVec p_b) {
  const FloatTag df;
  const IntTag di;
  const IntVec a = hn::ConvertTo(di, p_a);
  const IntVec b = hn::ConvertTo(di, p_b);
  const FloatVec weight_a = hn::Sub(p_a, hn::ConvertTo(df, a));
  const FloatVec weight_b = hn::Sub(p_b, hn::ConvertTo(df, b));
  const IntVec stride_a = hn::Set(di, static_cast<std::int32_t>(axis.stride_a));
  const IntVec stride_b = hn::Set(di, static_cast<std::int32_t>(axis.stride_b));
  IntVec to_next_a = stride_a;
  IntVec to_next_b = stride_b;
  if constexpr (kAtEdge) {
    const auto has_a = hn::Lt(a, hn::Set(di, axis.n_a - 1));
    const auto has_b = hn::Lt(b, hn::Set(di, axis.n_b - 1));
    to_next_a = hn::IfThenElseZero(has_a, stride_a);
    to_next_b = hn::IfThenElseZero(has_b, stride_b);
  }
  const IntVec row = hn::Mul(hn::Sub(a, hn::Set(di, base.first_a)), stride_a);
  const IntVec near = hn::Add(row, hn::Mul(b, stride_b));
  const IntVec far = hn::Add(near, to_next_a);
  if constexpr (sizeof(T) <= 2) {
    if (axis.stride_b == static_cast<std::int64_t>(sizeof(T))) {  // both neighbours lie in one word
      const UintVec word = gather_words(base.voxels, near);
      const UintVec next = gather_words(base.voxels, far);
      return between<T>(between<T>(first_voxel<T>(word), second_voxel<T>(word), weight_b),
                        between<T>(first_voxel<T>(next), second_voxel<T>(next), weight_b),
                        weight_a);
    }
  }
  const FloatVec v00 = first_voxel<T>(gather_words(base.voxels, near));
  const FloatVec v01 = first_voxel<T>(gather_words(base.voxels, hn::Add(near, to_next_b)));
  const FloatVec v10 = first_voxel<T>(gather_words(base.voxels, far));
  const FloatVec v11 = first_voxel<T>(gather_words(base.voxels, hn::Add(far, to_next_b)));
  return between<T>(between<T>(v00, v01, weight_b), between<T>(v10, v11, weight_b), weight_a);
}

HWY_INLINE FloatMask counts(FloatVec p, int n) {
  const FloatTag df;
  const FloatVec low = hn::Set(df, -0.5F);
  return hn::And(hn::Ge(p, low), hn::Lt(p, hn::Set(df, static_cast<float>(n) - 0.5F)));
}

HWY_INLINE FloatVec inside(FloatVec p, int n) {
  const FloatTag df;
  return hn::Min(hn::Max(p, hn::Zero(df)), hn::Set(df, static_cast<float>(n - 1)));
}

template <typename T, bool kLinear>
HWY_INLINE FloatVec sample_inner(const MipAxis& axis, const PlaneBase& base, FloatVec p_a,
                                 FloatVec p_b) {
  if constexpr (kLinear) return sample_linear<T, false>(axis, base, p_a, p_b);
  return sample_nearest<T>(axis, base, p_a, p_b);
}

// Where a ray may leave the volume or begin: tests every lane, clamps, and gives -infinity for what does not count.
template <typename T, bool kLinear>
HWY_INLINE FloatVec sample_edge(const Packet& packet, const PlaneBase& base, FloatVec plane,
                                FloatVec p_a, FloatVec p_b) {
  const FloatTag df;
  const MipAxis& axis = packet.axis;
  const FloatVec first = hn::LoadU(df, packet.rays.first + packet.at);
  const FloatVec last = hn::LoadU(df, packet.rays.last + packet.at);
  const FloatMask met = hn::And(hn::And(hn::Ge(plane, first), hn::Le(plane, last)),
                                hn::And(counts(p_a, axis.n_a), counts(p_b, axis.n_b)));
  const FloatVec a = inside(p_a, axis.n_a);
  const FloatVec b = inside(p_b, axis.n_b);
  FloatVec value;
  if constexpr (kLinear) {
    value = sample_linear<T, true>(axis, base, a, b);
  } else {
    value = sample_nearest<T>(axis, base, a, b);
  }
  return hn::IfThenElse(met, value, hn::Set(df, kNothing));
}

// Lowest voxel row that the rays touch between two planes.
HWY_INLINE std::int32_t lowest_row(const Packet& packet, int from, int to) {
  float lowest = static_cast<float>(packet.axis.n_a - 1);
  for (std::size_t lane = packet.at; lane < packet.at + hn::Lanes(FloatTag()); ++lane) {
    for (const int plane : {from, to}) {
      lowest = std::min(
          lowest, packet.rays.start_a[lane] + static_cast<float>(plane) * packet.rays.step_a[lane]);
    }
  }
  return std::max(0, static_cast<std::int32_t>(std::max(lowest, 0.0F)) - 1);
}

// Raises `best` by the samples of planes from..to.
template <typename T, bool kLinear>
HWY_INLINE FloatVec raise(const MipVolume& volume, const Packet& packet, int from, int to,
                          FloatVec best) {
  const FloatTag df;
  const MipAxis& axis = packet.axis;
  const float* const start_a = packet.rays.start_a + packet.at;
  const float* const start_b = packet.rays.start_b + packet.at;
  const float* const step_a = packet.rays.step_a + packet.at;
  const float* const step_b = packet.rays.step_b + packet.at;
  PlaneBase base{volume.voxels, 0};
  if (axis.stride_a * axis.n_a + axis.stride_b * axis.n_b > kSpanMax)
    base.first_a = lowest_row(packet, from, to);
  base.voxels += from * axis.stride_k + base.first_a * axis.stride_a;
  for (int i = from; i <= to; ++i, base.voxels += axis.stride_k) {
    const FloatVec plane = hn::Set(df, static_cast<float>(i));
    const FloatVec p_a = position(start_a, step_a, plane);
    const FloatVec p_b = position(start_b, step_b, plane);
    FloatVec value;
    if (HWY_LIKELY(i >= packet.inner_first && i <= packet.inner_last)) {
      value = sample_inner<T, kLinear>(axis, base, p_a, p_b);
    } else {
      value = sample_edge<T, kLinear>(packet, base, plane, p_a, p_b);
    }
    best = hn::IfThenElse(hn::Gt(value, best), value, best);  // false for NaN
  }
  return best;
}

// Largest value each ray may meet in planes from..to of one group.
HWY_INLINE FloatVec reach(const Packet& packet, int group, int from, int to) {
  const FloatTag df;
  const IntTag di;
  const MipAxis& axis = packet.axis;
  const FloatVec plane0 = hn::Set(df, static_cast<float>(from));
  const FloatVec plane1 = hn::Set(df, static_cast<float>(to));
  const FloatVec margin = hn::Set(df, kReachMargin);
  const float* const start_a = packet.rays.start_a + packet.at;
  const float* const start_b = packet.rays.start_b + packet.at;
  const float* const step_a = packet.rays.step_a + packet.at;
  const float* const step_b = packet.rays.step_b + packet.at;
  const FloatVec low_a =
      hn::Min(position(start_a, step_a, plane0), position(start_a, step_a, plane1));
  const FloatVec low_b =
      hn::Min(position(start_b, step_b, plane0), position(start_b, step_b, plane1));
  const IntVec a = hn::ShiftRight<3>(hn::ConvertTo(di, inside(hn::Sub(low_a, margin), axis.n_a)));
  const IntVec b = hn::ShiftRight<3>(hn::ConvertTo(di, inside(hn::Sub(low_b, margin), axis.n_b)));
  const IntVec index = hn::Add(hn::Mul(a, hn::Set(di, axis.bricks_b)), b);
  const std::int64_t group_start = static_cast<std::int64_t>(group) * axis.bricks_a * axis.bricks_b;
  return gather_floats(axis.reach + group_start, index);
}

// The planes of a packet, group by group: the most promising one first, then those that may still exceed what each ray has.
template <typename T, bool kLinear>
HWY_INLINE FloatVec march(const MipVolume& volume, const Packet& packet) {
  const FloatTag df;
  const int first_group = packet.first / data::kBrickEdge;
  const int groups = packet.last / data::kBrickEdge - first_group + 1;
  const auto from = [&](int g) {
    return std::max(packet.first, (first_group + g) * data::kBrickEdge);
  };
  const auto to = [&](int g) {
    return std::min(packet.last, (first_group + g) * data::kBrickEdge + data::kBrickEdge - 1);
  };
  FloatVec best = hn::Set(df, kNothing);
  if (packet.axis.reach == nullptr || groups > kGroupsMax) {
    for (int g = 0; g < groups; ++g) best = raise<T, kLinear>(volume, packet, from(g), to(g), best);
    return best;
  }
  HWY_ALIGN float reaches[kGroupsMax * kLanesMax];
  const auto lanes = static_cast<int>(hn::Lanes(df));
  // Lanes without a ray, or whose ray is elsewhere, never ask for more.
  const FloatMask idle = hn::Gt(hn::LoadU(df, packet.rays.first + packet.at),
                                hn::LoadU(df, packet.rays.last + packet.at));
  FloatVec most = best;
  int start = 0;
  for (int g = 0; g < groups; ++g) {
    const FloatVec met = hn::IfThenElse(idle, best, reach(packet, first_group + g, from(g), to(g)));
    hn::Store(met, df, reaches + g * lanes);
    if (!hn::AllFalse(df, hn::Gt(met, most))) start = g;
    most = hn::IfThenElse(hn::Gt(met, most), met, most);
  }
  best = raise<T, kLinear>(volume, packet, from(start), to(start), best);
  for (int g = 0; g < groups; ++g) {
    if (g == start || hn::AllFalse(df, hn::Gt(hn::Load(df, reaches + g * lanes), best))) continue;
    best = raise<T, kLinear>(volume, packet, from(g), to(g), best);
  }
  return best;
}

// Whether one gather can reach all rows of the packet at any plane.
HWY_INLINE bool fits_gather(const Packet& packet) {
  const MipAxis& axis = packet.axis;
  if (axis.stride_a * axis.n_a + axis.stride_b * axis.n_b <= kSpanMax) return true;
  float spread = 0;
  for (const int plane : {packet.first, packet.last}) {
    float low = std::numeric_limits<float>::max();
    float high = std::numeric_limits<float>::lowest();
    for (std::size_t lane = packet.at; lane < packet.at + hn::Lanes(FloatTag()); ++lane) {
      const float p =
          packet.rays.start_a[lane] + static_cast<float>(plane) * packet.rays.step_a[lane];
      low = std::min(low, p);
      high = std::max(high, p);
    }
    spread = std::max(spread, high - low);
  }
  const double rows = static_cast<double>(spread) + data::kBrickEdge + 4;
  return rows * static_cast<double>(axis.stride_a) + static_cast<double>(axis.stride_b) * axis.n_b <
         static_cast<double>(kSpanMax);
}

// Marches a single ray in all lanes: for rays so far apart that no gather reaches them all.
template <typename T, bool kLinear>
HWY_NOINLINE void march_one_by_one(const MipVolume& volume, const MipAxis& axis,
                                   const MipLanes& rays, std::size_t at, float* best) {
  const std::size_t lanes = hn::Lanes(FloatTag());
  MipLanes alone;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const auto from = static_cast<int>(at + lane);
    if (rays.first[from] > rays.last[from]) continue;
    for (std::size_t copy = 0; copy < lanes; ++copy)
      alone.copy_lane(static_cast<int>(copy), rays, from);
    const Packet packet{axis,
                        alone,
                        0,
                        static_cast<int>(rays.first[from]),
                        static_cast<int>(rays.last[from]),
                        static_cast<int>(rays.inner_first[from]),
                        static_cast<int>(rays.inner_last[from])};
    best[lane] = hn::GetLane(march<T, kLinear>(volume, packet));
  }
}

// Finds the planes of a packet and marches it; lanes whose rays are not of this axis keep what they have.
template <typename T, bool kLinear>
HWY_INLINE void march_lanes(const MipVolume& volume, const MipAxis& axis, const MipLanes& rays,
                            std::size_t at, float* best) {
  const FloatTag df;
  const std::size_t lanes = hn::Lanes(df);
  Packet packet{
      axis, rays, at, std::numeric_limits<int>::max(), -1, 0, std::numeric_limits<int>::max()};
  for (std::size_t lane = at; lane < at + lanes; ++lane) {
    if (rays.first[lane] > rays.last[lane]) continue;
    packet.first = std::min(packet.first, static_cast<int>(rays.first[lane]));
    packet.last = std::max(packet.last, static_cast<int>(rays.last[lane]));
    packet.inner_first = std::max(packet.inner_first, static_cast<int>(rays.inner_first[lane]));
    packet.inner_last = std::min(packet.inner_last, static_cast<int>(rays.inner_last[lane]));
  }
  if (packet.first > packet.last) return;
  if (!fits_gather(packet)) {
    march_one_by_one<T, kLinear>(volume, axis, rays, at, best);
    return;
  }
  const FloatVec found = march<T, kLinear>(volume, packet);
  const FloatMask active = hn::Le(hn::LoadU(df, rays.first + at), hn::LoadU(df, rays.last + at));
  const FloatVec old = hn::LoadU(df, best);
  hn::StoreU(hn::IfThenElse(active, found, old), df, best);
}

template <typename T, bool kLinear>
void march_row(const MipVolume& volume, const MipRays& rays, float* best) {
  MipLanes lanes;
  for (const MipAxis& axis : volume.axes) {
    if (!aim_rays(axis, rays, lanes)) continue;
    for (std::size_t at = 0; at < static_cast<std::size_t>(rays.count);
         at += hn::Lanes(FloatTag())) {
      march_lanes<T, kLinear>(volume, axis, lanes, at, best + at);
    }
  }
}

void MipRow(const MipVolume& volume, const MipRays& rays, float* best) {
  std::fill(best, best + kMipRaysMax, kNothing);
  data::dispatch(volume.dtype, [&]<typename T>() HWY_ATTR {
    if constexpr (sizeof(T) <= 4) {
      if (volume.linear) {
        march_row<T, true>(volume, rays, best);
      } else {
        march_row<T, false>(volume, rays, best);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace napari::engine::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace napari::engine::simd {

HWY_EXPORT(MipRow);

void mip_row(const MipVolume& volume, const MipRays& rays, float* best) {
  HWY_DYNAMIC_DISPATCH(MipRow)(volume, rays, best);
}

}  // namespace napari::engine::simd
#endif
