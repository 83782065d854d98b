#version 430 core
// variant: PLACE=1
// Rows that the CPU has drawn into the top left corner of a picture.
layout(local_size_x = 32, local_size_y = 8) in;

layout(std430, binding = 0) writeonly buffer Codes { uint codes[]; };
layout(std430, binding = 1) readonly buffer Rows { uint rows[]; };
layout(location = 0) uniform ivec2 extent;        // of the rows, which are tight
layout(location = 1) uniform int target_width;

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  if (at.x < extent.x && at.y < extent.y) codes[at.y * target_width + at.x] = rows[at.y * extent.x + at.x];
}
