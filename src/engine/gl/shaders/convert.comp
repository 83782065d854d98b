#version 430 core
// variant: LAYOUT=0 ENLARGED=0
// variant: LAYOUT=0 ENLARGED=1
// variant: LAYOUT=1 ENLARGED=0
// variant: LAYOUT=1 ENLARGED=1
// variant: LAYOUT=2 ENLARGED=0
// variant: LAYOUT=2 ENLARGED=1
// Drawn codes to limited-range Y'CbCr, scaled up on the way: the integer arithmetic of engine/simd/convert_scalar.hpp, so that
// the codes are the same. LAYOUT is VideoLayout: 0 NV12, 1 I420, 2 Y444. There are no bytes to store in GLSL 4.3: an invocation
// makes whole words, 4 pixels of a plane each, and a row of a work group fills 128 bytes in a row, as a PCIe write likes it.
// Rows are padded to words, and what lies beyond the last pixel repeats it.
layout(local_size_x = 32, local_size_y = 8) in;

layout(std430, binding = 0) readonly buffer Codes { uint codes[]; };    // RGBA, rows top first, tight
layout(std430, binding = 1) writeonly buffer Planes { uint planes[]; };
layout(std430, binding = 2) readonly buffer Taps { uint taps[]; };      // of columns, then of rows: index << 15 | weight

layout(location = 0) uniform ivec2 source;
layout(location = 1) uniform ivec2 target;
layout(location = 2) uniform ivec3 offsets;        // of the planes, in words
layout(location = 3) uniform ivec3 strides;
layout(location = 4) uniform uvec3 luma_factors;   // of red, green, blue, times 65536
layout(location = 5) uniform uvec3 blue_factors;   // the first two are subtracted
layout(location = 6) uniform uvec3 red_factors;    // the last two are subtracted
layout(location = 7) uniform int bottom_first;

#if LAYOUT == 1
const int kQuads = 2;  // of 4 pixels, side by side
#else
const int kQuads = 1;
#endif
#if LAYOUT == 2
const int kRows = 1;
#else
const int kRows = 2;
#endif

uvec3 components(uint code) { return uvec3(code, code >> 8, code >> 16) & 255u; }

#if ENLARGED
ivec3 mixed(ivec3 a, ivec3 b, int weight) { return a + (((b - a) * weight + (1 << 14)) >> 15); }

// A column of the source between two rows, in 1/128 of a code.
ivec3 blended(int x, int above, int below, int weight) {
  return mixed(ivec3(components(codes[above + x]) << 7), ivec3(components(codes[below + x]) << 7), weight);
}

uvec3 pixel(int x, int y) {
  uint column = taps[x];
  uint row = taps[target.x + y];
  ivec2 first = ivec2(column >> 15, row >> 15);
  ivec2 second = min(first + 1, source - 1);
  ivec2 weight = ivec2(column & 32767u, row & 32767u);
  int above = first.y * source.x;
  int below = second.y * source.x;
  ivec3 left = blended(first.x, above, below, weight.y);
  ivec3 right = blended(second.x, above, below, weight.y);
  return uvec3((mixed(left, right, weight.x) + 64) >> 7);
}
#else
uvec3 pixel(int x, int y) { return components(codes[y * source.x + x]); }
#endif

// From components times 256.
uint luma(uvec3 c) {
  uvec3 parts = c * luma_factors >> 16;
  return (parts.x + parts.y + parts.z + 16u * 256u + 128u + 1u) >> 8;
}
uint chroma_blue(uvec3 c) {
  uvec3 parts = c * blue_factors >> 16;
  return (parts.z + 128u * 256u + 128u - (parts.x + parts.y)) >> 8;
}
uint chroma_red(uvec3 c) {
  uvec3 parts = c * red_factors >> 16;
  return (parts.x + 128u * 256u + 128u - (parts.y + parts.z)) >> 8;
}

uint word_of(uvec4 bytes) { return bytes.x | bytes.y << 8 | bytes.z << 16 | bytes.w << 24; }

// Word `column` of row `y` of a plane with `rows` rows.
void put(int plane, int column, int y, int rows, uvec4 bytes) {
  int stored = bottom_first != 0 ? rows - 1 - y : y;
  planes[offsets[plane] + stored * strides[plane] + column] = word_of(bytes);
}

void main() {
  ivec2 at = ivec2(gl_GlobalInvocationID.xy);
  ivec2 corner = at * ivec2(4 * kQuads, kRows);
  if (corner.x >= target.x || corner.y >= target.y) return;
#if LAYOUT == 2
  uvec4 y4, cb4, cr4;
  for (int i = 0; i < 4; ++i) {
    uvec3 c = pixel(min(corner.x + i, target.x - 1), corner.y) << 8;
    y4[i] = luma(c);
    cb4[i] = chroma_blue(c);
    cr4[i] = chroma_red(c);
  }
  put(0, at.x, corner.y, target.y, y4);
  put(1, at.x, corner.y, target.y, cb4);
  put(2, at.x, corner.y, target.y, cr4);
#else
  uvec4 cb4, cr4;
  for (int quad = 0; quad < kQuads; ++quad) {
    uvec3 sums[2] = uvec3[2](uvec3(0u), uvec3(0u));  // of 2 x 2 pixels
    for (int row = 0; row < 2; ++row) {
      uvec4 y4;
      for (int i = 0; i < 4; ++i) {
        uvec3 c = pixel(min(corner.x + 4 * quad + i, target.x - 1), corner.y + row);
        y4[i] = luma(c << 8);
        sums[i >> 1] += c;
      }
      put(0, kQuads * at.x + quad, corner.y + row, target.y, y4);
    }
    for (int pair = 0; pair < 2; ++pair) {
      cb4[2 * quad + pair] = chroma_blue(sums[pair] << 6);
      cr4[2 * quad + pair] = chroma_red(sums[pair] << 6);
    }
  }
#if LAYOUT == 0
  put(1, at.x, corner.y >> 1, target.y >> 1, uvec4(cb4.x, cr4.x, cb4.y, cr4.y));
#else
  put(1, at.x, corner.y >> 1, target.y >> 1, cb4);
  put(2, at.x, corner.y >> 1, target.y >> 1, cr4);
#endif
#endif
}
