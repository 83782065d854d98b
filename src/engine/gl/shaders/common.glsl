// What both drawing shaders share: where the picture goes and how a value becomes a colour (docs/drawing.md).
// Uniform locations 0..9 and bindings 0..2 are these; the shaders number theirs from 10 and 3.
layout(local_size_x = 8, local_size_y = 8) in;

layout(std430, binding = 0) writeonly buffer Codes { uint codes[]; };
layout(std430, binding = 1) buffer Below { vec4 below[]; };
layout(std430, binding = 2) readonly buffer Table { vec4 table[]; };

layout(location = 0) uniform ivec4 area;         // x, y, width, height of this dispatch in target pixels
layout(location = 1) uniform int target_width;   // pixels in a row of codes and below
layout(location = 2) uniform float opacity;
layout(location = 3) uniform int only_layer;     // 1: over black and straight to codes; 0: over `below`
layout(location = 4) uniform int exact;          // 1: table is indexed by value - low; 0: it is the colour map itself
layout(location = 5) uniform float low;
layout(location = 6) uniform float span;         // high - low
layout(location = 7) uniform float gamma;
layout(location = 8) uniform int table_last;     // highest index of table

uint packed_code(vec3 colour) {
  uvec3 code = uvec3(floor(255.0 * colour + 0.5));
  return code.r | code.g << 8 | code.b << 16 | 0xff000000u;
}

vec3 colour_of(float value) {
  if (exact != 0) return table[clamp(int(value - low), 0, table_last)].rgb;
  float t = (value - low) / span;
  t = isnan(t) ? 0.0 : clamp(t, 0.0, 1.0);
  if (gamma != 1.0) t = t > 0.0 ? pow(t, gamma) : 0.0;
  float position = t * float(table_last);
  int entry = min(int(position), table_last - 1);
  return mix(table[entry].rgb, table[entry + 1].rgb, position - float(entry));
}

void put_colour(ivec2 pixel, vec3 colour) {
  int at = pixel.y * target_width + pixel.x;
  if (only_layer != 0) {
    codes[at] = packed_code(opacity * colour);
  } else {
    below[at].rgb = opacity * colour + (1.0 - opacity) * below[at].rgb;
  }
}
