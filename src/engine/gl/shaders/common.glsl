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
layout(location = 9) uniform float low_rest;     // low less the contrast limit that it was rounded from

// Interpolates, in the order of engine/simd. Kept from exceeding its ends, which rounding may do, so that no sample exceeds the
// maximum of its brick; a weight of 0 takes the first even when the second is no number.
float between(float a, float b, float weight) {
  if (weight == 0.0) return a;
  float mixed = fma(b - a, weight, a);
  return isnan(mixed) ? mixed : min(mixed, max(a, b));  // min alone may turn NaN into the other
}

uint packed_code(vec3 colour) {
  // A tie goes up in spite of rounding, as in color_code of engine/transfer_table.cpp.
  uvec3 code = uvec3(clamp(floor(255.0 * colour + (0.5 + 1.0 / 65536.0)), 0.0, 255.0));
  return code.r | code.g << 8 | code.b << 16 | 0xff000000u;
}

// Times opacity, as the table's entries are.
vec3 colour_of(float value) {
  if (exact != 0) return table[clamp(int(value - low), 0, table_last)].rgb;
  float t = 0.0;
  if (value > low) t = span > 0.0 ? min(((value - low) + low_rest) / span, 1.0) : 1.0;  // false for NaN
  if (gamma != 1.0) t = t > 0.0 ? pow(t, gamma) : 0.0;
  float position = t * float(table_last);
  int entry = min(int(position), table_last - 1);
  return mix(table[entry].rgb, table[entry + 1].rgb, position - float(entry));
}

void put_colour(ivec2 pixel, vec3 colour) {
  int at = pixel.y * target_width + pixel.x;
  if (only_layer != 0) {
    codes[at] = packed_code(colour);
  } else {
    below[at].rgb = colour + (1.0 - opacity) * below[at].rgb;
  }
}
