// RGBA to Y'CbCr, 4 x 2 pixels at a time: the whole arithmetic of the convert kernel, equal to engine/simd/convert_scalar.hpp. Compiled
// for the GPU by nvcc and by NVRTC (so it includes nothing) and for the CPU by the tests, which compare it with ColorConverter.
// Threads: any; blocks are independent of one another. Owns: nothing.
#pragma once

#ifdef __CUDACC__
#define NAPARI_KERNEL_CODE __device__ __forceinline__
#else
#define NAPARI_KERNEL_CODE inline
#endif

namespace napari::engine::kernel {

// Unit 2^-16, all positive; Cb and Cr subtract the first two.
struct Factors {
  unsigned y_red, y_green, y_blue;
  unsigned cb_red, cb_green, cb_blue;
  unsigned cr_green, cr_blue, cr_red;
};

// One conversion. Sizes are checked before: within 1..16384, the source not larger, even where chroma is halved.
struct ConvertJob {
  const unsigned char* rgba;
  unsigned char* plane[3];
  unsigned long long rgba_stride;
  unsigned long long stride[3];
  int source_width, source_height;
  int width, height;
  int bottom_first;      // 1: rows are written in reverse order
  int interleaved;       // 1: plane 1 holds Cb and Cr by turns, at half size
  int rgba_alignment;    // of every source row: 16, 4 or 1
  int aligned_store[3];  // 1: rows of the plane take what a thread writes in one piece
  Factors factors;
};

constexpr int kBlockWidth = 4;  // pixels of one thread
constexpr int kBlockHeight = 2;

struct Quad {
  unsigned pixel[4];  // RGBA8, red in the low byte
};

// ---- memory. On the CPU an access that is not aligned as the job promises ends the test.

#ifdef __CUDACC__
NAPARI_KERNEL_CODE Quad load_16(const unsigned char* at) {
  const uint4 v = *reinterpret_cast<const uint4*>(at);
  return {{v.x, v.y, v.z, v.w}};
}
NAPARI_KERNEL_CODE unsigned load_4(const unsigned char* at) {
  return *reinterpret_cast<const unsigned*>(at);
}
NAPARI_KERNEL_CODE void store_4(unsigned char* at, unsigned codes) {
  *reinterpret_cast<unsigned*>(at) = codes;
}
NAPARI_KERNEL_CODE void store_2(unsigned char* at, unsigned codes) {
  *reinterpret_cast<unsigned short*>(at) = static_cast<unsigned short>(codes);
}
#else
inline void expect_aligned(const unsigned char* at, unsigned long long bytes) {
  if (reinterpret_cast<unsigned long long>(at) % bytes != 0) __builtin_trap();
}
inline Quad load_16(const unsigned char* at) {
  expect_aligned(at, 16);
  Quad quad;
  __builtin_memcpy(&quad, at, 16);
  return quad;
}
inline unsigned load_4(const unsigned char* at) {
  expect_aligned(at, 4);
  unsigned pixel = 0;
  __builtin_memcpy(&pixel, at, 4);
  return pixel;
}
inline void store_4(unsigned char* at, unsigned codes) {
  expect_aligned(at, 4);
  __builtin_memcpy(at, &codes, 4);
}
inline void store_2(unsigned char* at, unsigned codes) {
  expect_aligned(at, 2);
  __builtin_memcpy(at, &codes, 2);
}
#endif

NAPARI_KERNEL_CODE int smaller(int a, int b) { return a < b ? a : b; }

NAPARI_KERNEL_CODE unsigned load_pixel(const ConvertJob& job, int x, int y) {
  const unsigned char* at = job.rgba + y * job.rgba_stride + 4ULL * x;
  if (job.rgba_alignment >= 4) return load_4(at);
  return at[0] | unsigned{at[1]} << 8 | unsigned{at[2]} << 16;
}

// ---- from a smaller source

// weight / 32768 of the way from `index` to `index` + 1. In integers what video_tap computes in double: there the values lie
// further from the next whole weight than double's error.
struct Tap {
  int index, weight;
};
NAPARI_KERNEL_CODE Tap tap_at(int pixel, int source_extent, int extent) {
  const int unit = 2 * extent;
  const int at = (2 * pixel + 1) * source_extent - extent;  // in 1 / unit
  if (at <= 0) return {0, 0};
  const int index = at / unit;
  if (index >= source_extent - 1) return {source_extent - 1, 0};
  const int weight = ((at - index * unit) * 32768 + extent) / unit;
  return {index, smaller(weight, 32767)};
}

NAPARI_KERNEL_CODE int mixed(int a, int b, int weight) {
  return a + (((b - a) * weight + (1 << 14)) >> 15);
}

NAPARI_KERNEL_CODE int component(unsigned pixel, int c) {
  return static_cast<int>(pixel >> (8 * c) & 255U);
}

struct Corners {
  unsigned above_left, above_right, below_left, below_right;
};
NAPARI_KERNEL_CODE unsigned blend(const Corners& corners, int across, int down) {
  unsigned pixel = 0;
  for (int c = 0; c < 3; ++c) {
    const int left =
        mixed(component(corners.above_left, c) << 7, component(corners.below_left, c) << 7, down);
    const int right =
        mixed(component(corners.above_right, c) << 7, component(corners.below_right, c) << 7, down);
    pixel |= static_cast<unsigned>((mixed(left, right, across) + 64) >> 7) << (8 * c);
  }
  return pixel;
}

// Four pixels of one row of the target; past its right edge the last one again.
template <bool kEnlarged>
NAPARI_KERNEL_CODE Quad load_quad(const ConvertJob& job, int x, int y) {
  Quad quad;
  if (kEnlarged) {
    const Tap down = tap_at(y, job.source_height, job.height);
    const int below = smaller(down.index + 1, job.source_height - 1);
    for (int i = 0; i < 4; ++i) {
      const Tap across = tap_at(smaller(x + i, job.width - 1), job.source_width, job.width);
      const int right = smaller(across.index + 1, job.source_width - 1);
      quad.pixel[i] =
          blend({load_pixel(job, across.index, down.index), load_pixel(job, right, down.index),
                 load_pixel(job, across.index, below), load_pixel(job, right, below)},
                across.weight, down.weight);
    }
    return quad;
  }
  if (job.rgba_alignment >= 16 && x + 4 <= job.width)
    return load_16(job.rgba + y * job.rgba_stride + 4ULL * x);
  for (int i = 0; i < 4; ++i) quad.pixel[i] = load_pixel(job, smaller(x + i, job.width - 1), y);
  return quad;
}

// ---- colour

// Components times 256.
struct Rgb256 {
  unsigned red, green, blue;
};
NAPARI_KERNEL_CODE Rgb256 times_256(unsigned pixel) {
  return {(pixel & 255U) << 8, pixel & 0xff00U, pixel >> 8 & 0xff00U};
}
NAPARI_KERNEL_CODE unsigned part(unsigned value256, unsigned factor) {
  return value256 * factor >> 16;
}
NAPARI_KERNEL_CODE unsigned luma(const Factors& f, const Rgb256& c) {
  return (part(c.red, f.y_red) + part(c.green, f.y_green) + part(c.blue, f.y_blue) + 16 * 256 +
          128 + 1) >>
             8 &
         255U;
}
NAPARI_KERNEL_CODE unsigned chroma_blue(const Factors& f, const Rgb256& c) {
  return (part(c.blue, f.cb_blue) + 128 * 256 + 128 - part(c.red, f.cb_red) -
          part(c.green, f.cb_green)) >>
             8 &
         255U;
}
NAPARI_KERNEL_CODE unsigned chroma_red(const Factors& f, const Rgb256& c) {
  return (part(c.red, f.cr_red) + 128 * 256 + 128 - part(c.green, f.cr_green) -
          part(c.blue, f.cr_blue)) >>
             8 &
         255U;
}

// ---- blocks

NAPARI_KERNEL_CODE unsigned char* row_of(const ConvertJob& job, int plane, int y, int rows) {
  return job.plane[plane] + (job.bottom_first ? rows - 1 - y : y) * job.stride[plane];
}

// The low `count` of `whole` bytes.
NAPARI_KERNEL_CODE void store(unsigned char* at, unsigned codes, int count, int aligned) {
  if (aligned && count == 4) {
    store_4(at, codes);
    return;
  }
  for (int i = 0; i < 4; ++i) {
    if (i < count) at[i] = static_cast<unsigned char>(codes >> (8 * i));
  }
}

NAPARI_KERNEL_CODE void store_luma(const ConvertJob& job, const Quad& quad, int x, int y) {
  unsigned codes = 0;
  for (int i = 0; i < 4; ++i) codes |= luma(job.factors, times_256(quad.pixel[i])) << (8 * i);
  store(row_of(job, 0, y, job.height) + x, codes, smaller(4, job.width - x), job.aligned_store[0]);
}

// Components of one pixel in two halves of a word, so that four pixels add up without a carry.
NAPARI_KERNEL_CODE Rgb256 mean_256(unsigned a, unsigned b, unsigned c, unsigned d) {
  const unsigned red_blue = (a & 0xff00ffU) + (b & 0xff00ffU) + (c & 0xff00ffU) + (d & 0xff00ffU);
  const unsigned green = (a >> 8 & 255U) + (b >> 8 & 255U) + (c >> 8 & 255U) + (d >> 8 & 255U);
  return {(red_blue & 0xffffU) << 6, green << 6, (red_blue >> 16) << 6};
}

template <bool kEnlarged>
NAPARI_KERNEL_CODE void convert_block_420(const ConvertJob& job, int column, int row) {
  const int x = column * kBlockWidth;
  const int y = row * kBlockHeight;
  if (x >= job.width || y >= job.height) return;
  const Quad above = load_quad<kEnlarged>(job, x, y);
  const Quad below = load_quad<kEnlarged>(job, x, y + 1);
  store_luma(job, above, x, y);
  store_luma(job, below, x, y + 1);
  const Rgb256 left = mean_256(above.pixel[0], above.pixel[1], below.pixel[0], below.pixel[1]);
  const Rgb256 right = mean_256(above.pixel[2], above.pixel[3], below.pixel[2], below.pixel[3]);
  const unsigned cb = chroma_blue(job.factors, left) | chroma_blue(job.factors, right) << 8;
  const unsigned cr = chroma_red(job.factors, left) | chroma_red(job.factors, right) << 8;
  const int count = smaller(4, job.width - x);
  unsigned char* const first = row_of(job, 1, y / 2, job.height / 2);
  if (job.interleaved) {
    const unsigned codes =
        (cb & 255U) | (cr & 255U) << 8 | (cb & 0xff00U) << 8 | (cr & 0xff00U) << 16;
    store(first + x, codes, count, job.aligned_store[1]);
    return;
  }
  unsigned char* const second = row_of(job, 2, y / 2, job.height / 2) + x / 2;
  if (count == 4 && job.aligned_store[1]) {
    store_2(first + x / 2, cb);
  } else {
    store(first + x / 2, cb, count / 2, 0);
  }
  if (count == 4 && job.aligned_store[2]) {
    store_2(second, cr);
  } else {
    store(second, cr, count / 2, 0);
  }
}

template <bool kEnlarged>
NAPARI_KERNEL_CODE void convert_block_444(const ConvertJob& job, int column, int row) {
  const int x = column * kBlockWidth;
  if (x >= job.width) return;
  for (int r = 0; r < kBlockHeight; ++r) {
    const int y = row * kBlockHeight + r;
    if (y >= job.height) return;
    const Quad quad = load_quad<kEnlarged>(job, x, y);
    store_luma(job, quad, x, y);
    unsigned cb = 0;
    unsigned cr = 0;
    for (int i = 0; i < 4; ++i) {
      const Rgb256 colour = times_256(quad.pixel[i]);
      cb |= chroma_blue(job.factors, colour) << (8 * i);
      cr |= chroma_red(job.factors, colour) << (8 * i);
    }
    const int count = smaller(4, job.width - x);
    store(row_of(job, 1, y, job.height) + x, cb, count, job.aligned_store[1]);
    store(row_of(job, 2, y, job.height) + x, cr, count, job.aligned_store[2]);
  }
}

}  // namespace napari::engine::kernel
