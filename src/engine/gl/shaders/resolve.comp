#version 430 core
// variant: RESOLVE=1
// The last step of a picture of several layers: the blended colours to codes.
#include "common.glsl"

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  if (at.x >= area.z || at.y >= area.w) return;
  ivec2 pixel = area.xy + at;
  int index = pixel.y * target_width + pixel.x;
  codes[index] = packed_code(below[index].rgb);
}
