#version 430 core
// variant: SAMPLER=usampler3D LINEAR=0
// variant: SAMPLER=usampler3D LINEAR=1
// variant: SAMPLER=isampler3D LINEAR=0
// variant: SAMPLER=isampler3D LINEAR=1
// variant: SAMPLER=sampler3D LINEAR=0
// variant: SAMPLER=sampler3D LINEAR=1
// The largest value along each ray, sampled once in every voxel plane of the ray's steepest axis (docs/drawing.md).
// Vectors of three are (z, y, x) indices of the block, as everywhere outside of texture coordinates.
#include "common.glsl"

// A target row's rays at column 0, computed in double precision by ray_layout.cpp.
struct RowRays {
  vec4 point;      // perspective: a point of the ray near the volume; orthographic: xy is (A, B) of axis `axis`
  vec4 direction;  // perspective only
};
layout(std430, binding = 3) readonly buffer Rows { RowRays rows[]; };
layout(std430, binding = 4) readonly buffer Bricks { float brick_max[]; };
layout(binding = 0) uniform SAMPLER volume;
layout(location = 10) uniform ivec3 shape;
layout(location = 11) uniform ivec3 bricks;          // shape in bricks; bricks.x == 0: nothing is skipped
layout(location = 12) uniform int fixed_axis;        // orthographic: the steepest axis; -1: perspective
layout(location = 13) uniform vec2 fixed_slope;      // orthographic: (dA, dB)
layout(location = 14) uniform vec3 point_step;       // from one column to the next
layout(location = 15) uniform vec3 direction_step;
layout(location = 16) uniform ivec3 front_first;     // perspective: first plane in front of the eye where d > 0
layout(location = 17) uniform ivec3 front_end;       // and the end of the planes in front of it where d < 0

const int kBrickShift = 3;  // data::kBrickEdge is 8
#define kNothing uintBitsToFloat(0xff800000u)  // -infinity

struct Ray {
  int axis, axis_a, axis_b;
  vec2 start, slope;  // (p_a, p_b) = start + i * slope in plane i
  int first, end;     // planes
};

int steepest(vec3 d) {
  vec3 m = abs(d);
  int axis = m.y > m.x ? 1 : 0;
  return m.z > m[axis] ? 2 : axis;
}

void clip(float start, float slope, int n, inout float first, inout float end) {
  // Only a bound, and 0.01 voxel wide of the truth: which samples count is decided one by one.
  if (abs(slope) < 1e-6) return;
  float enter = (-0.51 - start) / slope;
  float leave = (float(n) - 0.49 - start) / slope;
  first = max(first, floor(min(enter, leave)) - 1.0);
  end = min(end, ceil(max(enter, leave)) + 2.0);
}

Ray ray_of(ivec2 pixel) {
  Ray ray;
  RowRays row = rows[pixel.y];
  vec3 point = fma(vec3(float(pixel.x)), point_step, row.point.xyz);
  vec3 direction = vec3(0.0);
  ray.axis = fixed_axis;
  if (fixed_axis < 0) {
    direction = fma(vec3(float(pixel.x)), direction_step, row.direction.xyz);
    ray.axis = steepest(direction);
  }
  ray.axis_a = ray.axis == 0 ? 1 : 0;
  ray.axis_b = ray.axis == 2 ? 1 : 2;
  float first = 0.0;
  float end = float(shape[ray.axis]);
  if (fixed_axis < 0) {
    float d = direction[ray.axis];
    ray.slope = vec2(direction[ray.axis_a], direction[ray.axis_b]) / d;
    ray.start = fma(vec2(-point[ray.axis]), ray.slope, vec2(point[ray.axis_a], point[ray.axis_b]));
    if (d > 0.0) first = float(front_first[ray.axis]);
    if (d < 0.0) end = float(front_end[ray.axis]);
  } else {
    ray.slope = fixed_slope;
    ray.start = point.xy;
  }
  clip(ray.start.x, ray.slope.x, shape[ray.axis_a], first, end);
  clip(ray.start.y, ray.slope.y, shape[ray.axis_b], first, end);
  ray.first = int(first);
  ray.end = int(max(first, end));
  return ray;
}

vec2 position(Ray ray, int i) { return fma(vec2(float(i)), ray.slope, ray.start); }

ivec3 assemble(Ray ray, int i, ivec2 p) {
  ivec3 index;
  index[ray.axis] = i;
  index[ray.axis_a] = p.x;
  index[ray.axis_b] = p.y;
  return index;
}

float value_at(Ray ray, int i, ivec2 p) { return float(texelFetch(volume, assemble(ray, i, p).zyx, 0).x); }

float sample_plane(Ray ray, int i, vec2 p, ivec2 last) {
#if LINEAR
  p = clamp(p, vec2(0.0), vec2(last));
  vec2 corner = floor(p);
  vec2 weight = p - corner;
  ivec2 p0 = ivec2(corner);
  ivec2 p1 = min(p0 + 1, last);
  float a = value_at(ray, i, p0);
  float b = value_at(ray, i, ivec2(p0.x, p1.y));
  float c = value_at(ray, i, ivec2(p1.x, p0.y));
  float d = value_at(ray, i, p1);
  return between(between(a, b, weight.y), between(c, d, weight.y), weight.x);
#else
  return value_at(ray, i, min(ivec2(floor(p + 0.5)), last));
#endif
}

// How many planes from `i` on have their samples in the brick of voxel `p`. Positions are monotonic in `i`, so a sample
// that is in it at the end vouches for those between.
int planes_in_brick(Ray ray, int i, ivec2 brick) {
  int step = min((i | 7) + 1, ray.end) - i;
  while (step > 1) {
    vec2 voxel = floor(position(ray, i + step - 1) + 0.5);
    if (all(greaterThanEqual(voxel, vec2(0.0))) && ivec2(voxel) >> kBrickShift == brick) break;
    step >>= 1;
  }
  return step;
}

float march(Ray ray) {
  float best = kNothing;
  ivec2 last = ivec2(shape[ray.axis_a], shape[ray.axis_b]) - 1;
  vec2 edge = vec2(last) + 0.5;
  int i = ray.first;
  while (i < ray.end) {
    vec2 p = position(ray, i);
    if (any(lessThan(p, vec2(-0.5))) || any(greaterThanEqual(p, edge))) {
      ++i;
      continue;
    }
    if (bricks.x > 0) {
      ivec2 brick = min(ivec2(floor(p + 0.5)), last) >> kBrickShift;
      ivec3 at = assemble(ray, i >> kBrickShift, brick);
      if (brick_max[(at.x * bricks.y + at.y) * bricks.z + at.z] <= best) {
        i += planes_in_brick(ray, i, brick);
        continue;
      }
    }
    float value = sample_plane(ray, i, p, last);
    if (!isnan(value) && value > best) best = value;
    ++i;
  }
  return best;
}

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  if (at.x >= area.z || at.y >= area.w) return;
  ivec2 pixel = area.xy + at;
  float best = march(ray_of(pixel));
  if (best > kNothing) {
    put_colour(pixel, colour_of(best));
  } else if (only_layer != 0) {
    codes[pixel.y * target_width + pixel.x] = packed_code(vec3(0.0));
  }
}
