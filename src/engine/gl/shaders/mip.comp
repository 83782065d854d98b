#version 430 core
// variant: SAMPLER=usampler3D TEXEL=0 LINEAR=0 FILTER=0
// variant: SAMPLER=usampler3D TEXEL=0 LINEAR=1 FILTER=0
// variant: SAMPLER=usampler3D TEXEL=1 LINEAR=0 FILTER=0
// variant: SAMPLER=usampler3D TEXEL=1 LINEAR=1 FILTER=0
// variant: SAMPLER=isampler3D TEXEL=0 LINEAR=0 FILTER=0
// variant: SAMPLER=isampler3D TEXEL=0 LINEAR=1 FILTER=0
// variant: SAMPLER=isampler3D TEXEL=1 LINEAR=0 FILTER=0
// variant: SAMPLER=isampler3D TEXEL=1 LINEAR=1 FILTER=0
// variant: SAMPLER=sampler3D TEXEL=2 LINEAR=0 FILTER=0
// variant: SAMPLER=sampler3D TEXEL=2 LINEAR=1 FILTER=0
// variant: SAMPLER=sampler3D TEXEL=2 LINEAR=1 FILTER=1
// The largest value along each ray, sampled once in every voxel plane of the ray's steepest axis (docs/drawing.md).
// Vectors of three are (z, y, x) indices of the block, as everywhere outside of texture coordinates, unless swizzled to (k, a, b):
// the steepest axis, then the others in order. FILTER: the texture unit interpolates (a moving picture).
// TEXEL is 0 for integers of 8 and 16 bits, 1 for those of 32, 2 for floating point.
#include "common.glsl"

// A target row's rays at column 0, computed in double precision by ray_layout.cpp.
struct RowRays {
  vec4 point;      // perspective: a point of the ray near the volume; orthographic: xy is (A, B) of axis `fixed_axis`
  vec4 direction;  // perspective only
};
layout(std430, binding = 3) restrict readonly buffer Rows { RowRays rows[]; };
// Bricks of 8 x 8 x 8 voxels, then those of 64 x 64 x 64.
layout(std430, binding = 4) restrict readonly buffer Bricks { float brick_max[]; };
layout(binding = 0) uniform SAMPLER volume;
layout(location = 10) uniform ivec3 shape;
layout(location = 11) uniform ivec3 bricks;          // shape in bricks; bricks.x == 0: nothing is skipped
layout(location = 12) uniform int fixed_axis;        // orthographic: the steepest axis; -1: perspective
layout(location = 13) uniform vec2 fixed_slope;      // orthographic: (dA, dB)
layout(location = 14) uniform vec3 point_step;       // from one column to the next
layout(location = 15) uniform vec3 direction_step;
layout(location = 16) uniform ivec3 front_first;     // perspective: first plane in front of the eye where d > 0
layout(location = 17) uniform ivec3 front_end;       // and the end of the planes in front of it where d < 0
layout(location = 18) uniform float dark;            // no value up to it differs from it in colour
layout(location = 19) uniform float enough;          // nor does any value from it on
layout(location = 20) uniform ivec3 coarse;          // shape in bricks of 64
layout(location = 21) uniform float texel_scale;     // FILTER: the value of a normalised texel of 1

const int kBrickShift = 3;  // data::kBrickEdge is 8
const int kBrickMask = 7;
const int kCoarseShift = 6;
const int kCoarseMask = 63;
#define kNothing uintBitsToFloat(0xff800000u)  // -infinity
#define brick_strides ivec3(bricks.y * bricks.z, bricks.z, 1)
#define coarse_strides ivec3(coarse.y * coarse.z, coarse.z, 1)
#define coarse_begin (bricks.x * bricks.y * bricks.z)

struct Ray {
  vec2 start, slope;  // (p_a, p_b) = start + i * slope in plane i
  ivec2 last;         // voxels along a and b
  int first, end;     // planes whose samples count
#if FILTER
  vec3 texture_start, texture_step;  // (k, a, b)
#endif
};

vec2 position(Ray ray, int i) { return fma(vec2(float(i)), ray.slope, ray.start); }

ivec2 brick_of(Ray ray, int i, int shift) {
  return clamp(ivec2(floor(position(ray, i) + 0.5)), ivec2(0), ray.last) >> shift;
}

bool counts(Ray ray, int i) {
  vec2 p = position(ray, i);
  return all(greaterThanEqual(p, vec2(-0.5))) && all(lessThan(p, vec2(ray.last) + 0.5));
}

vec2 clip(float start, float slope, int n, vec2 planes) {
  // Only a bound, and 0.01 voxel wide of the truth: `trim` decides which samples count.
  if (abs(slope) < 1e-6) return start < -0.6 || start > float(n) - 0.4 ? vec2(0.0) : planes;
  float enter = (-0.51 - start) / slope;
  float leave = (float(n) - 0.49 - start) / slope;
  return vec2(max(planes.x, floor(min(enter, leave)) - 1.0), min(planes.y, ceil(max(enter, leave)) + 2.0));
}

// Positions are monotonic in `i`, so the samples that count are those between the first and the last that do.
void trim(inout Ray ray, ivec3 n, vec2 planes) {
  planes = clip(ray.start.x, ray.slope.x, n.y, planes);
  planes = clip(ray.start.y, ray.slope.y, n.z, planes);
  ray.last = n.yz - 1;
  ray.first = int(planes.x);
  ray.end = int(max(planes.x, planes.y));
  while (ray.first < ray.end && !counts(ray, ray.first)) ++ray.first;
  while (ray.first < ray.end && !counts(ray, ray.end - 1)) --ray.end;
}

#if TEXEL == 0
// Exact below 2^22, and quicker than a conversion, of which GPUs do few at a time.
float value_of(uvec4 texel) { return uintBitsToFloat(0x4b000000u | texel.x) - 8388608.0; }
float value_of(ivec4 texel) { return intBitsToFloat(0x4b400000 + texel.x) - 12582912.0; }
#else
float value_of(uvec4 texel) { return float(texel.x); }
float value_of(ivec4 texel) { return float(texel.x); }
#endif
float value_of(vec4 texel) { return texel.x; }

#if TEXEL == 2
float mixed(float a, float b, float weight) { return between(a, b, weight); }
float larger(float best, float value) { return !isnan(value) && value > best ? value : best; }
#else
// `between` where nothing is NaN or infinite.
float mixed(float a, float b, float weight) { return min(fma(b - a, weight, a), max(a, b)); }
float larger(float best, float value) { return max(best, value); }
#endif

#define TO_KAB xyz
#define TO_XYZ zyx
#define PLANE plane_z
#define MOST most_z
#define SLAB slab_z
#define MARCH march_z
#include "march.glsl"
#undef TO_KAB
#undef TO_XYZ
#undef PLANE
#undef MOST
#undef SLAB
#undef MARCH

#define TO_KAB yxz
#define TO_XYZ zxy
#define PLANE plane_y
#define MOST most_y
#define SLAB slab_y
#define MARCH march_y
#include "march.glsl"
#undef TO_KAB
#undef TO_XYZ
#undef PLANE
#undef MOST
#undef SLAB
#undef MARCH

#define TO_KAB zxy
#define TO_XYZ xzy
#define PLANE plane_x
#define MOST most_x
#define SLAB slab_x
#define MARCH march_x
#include "march.glsl"

int steepest(ivec2 pixel) {
  vec3 m = abs(fma(vec3(float(pixel.x)), direction_step, rows[pixel.y].direction.xyz));
  if (m.z > max(m.x, m.y)) return 2;
  return m.y > m.x ? 1 : 0;
}

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  if (at.x >= area.z || at.y >= area.w) return;
  ivec2 pixel = area.xy + at;
  int axis = fixed_axis < 0 ? steepest(pixel) : fixed_axis;
  float best = axis == 0 ? march_z(pixel) : axis == 1 ? march_y(pixel) : march_x(pixel);
  if (best > kNothing) {
    put_colour(pixel, colour_of(best));
  } else if (only_layer != 0) {
    codes[pixel.y * target_width + pixel.x] = packed_code(vec3(0.0));
  }
}
