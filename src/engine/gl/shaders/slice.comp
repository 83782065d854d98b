#version 430 core
// variant: SAMPLER=usampler2D LINEAR=0
// variant: SAMPLER=usampler2D LINEAR=1
// variant: SAMPLER=isampler2D LINEAR=0
// variant: SAMPLER=isampler2D LINEAR=1
// variant: SAMPLER=sampler2D LINEAR=0
// variant: SAMPLER=sampler2D LINEAR=1
// One rectangle of a plane. A column of the target always samples the same column of the plane, and a row the same row,
// so both come as tables, computed in double precision by slice_layout.cpp.
#include "common.glsl"

struct AxisSample {
  int first;     // the neighbours; equal in nearest
  int second;
  float weight;  // of the second
};
layout(std430, binding = 3) readonly buffer Axes { AxisSample axes[]; };
layout(binding = 0) uniform SAMPLER plane;
layout(location = 10) uniform ivec2 axis_start;  // entries of target column 0 and row 0

float value_at(int column, int row) { return float(texelFetch(plane, ivec2(column, row), 0).x); }

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  if (at.x >= area.z || at.y >= area.w) return;
  ivec2 pixel = area.xy + at;
  AxisSample column = axes[axis_start.x + pixel.x];
  AxisSample row = axes[axis_start.y + pixel.y];
#if LINEAR
  float a = value_at(column.first, row.first);
  float b = value_at(column.second, row.first);
  float c = value_at(column.first, row.second);
  float d = value_at(column.second, row.second);
  float value = between(between(a, c, row.weight), between(b, d, row.weight), column.weight);
#else
  float value = value_at(column.first, row.first);
#endif
  put_colour(pixel, colour_of(value));
}
