// The inner loops of the SIMD back end, each compiled for several instruction sets and dispatched at run time. Plain rows of
// numbers in and out: no plan, no thread, no allocation. Threads: any. Owns: nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/types.hpp"
#include "engine/transfer_table.hpp"

namespace napari::engine::simd {

// Rows of floats may be read and written up to this many elements past their end: allocate them so.
inline constexpr int kRowPadding = 16;

// ---- planes (slice_kernel.cpp)

// out[x] = source[x] in single precision. `source` may have any alignment and is not read past `count` elements.
void load_row(data::DType dtype, const std::byte* source, int count, float* out);
// The same between two rows: a + (b - a) * weight, 0 < weight < 1.
struct RowPair {
  const std::byte* a;
  const std::byte* b;
  float weight;
};
void load_rows(data::DType dtype, const RowPair& rows, int count, float* out);

// out[x] = row[index[x]]
void pick_nearest(const float* row, const std::int32_t* index, int count, float* out);
// out[x] = row[index[x]] + (row[index[x] + 1] - row[index[x]]) * weight[x]; a weight of 0 takes row[index[x]] whatever is
// beside it. row[index[x] + 1] must be readable.
struct LinearTaps {
  const std::int32_t* index;
  const float* weight;
};
void pick_linear(const float* row, const LinearTaps& taps, int count, float* out);

// ---- colours (shade_kernel.cpp)

// Which values a row leaves alone: a MIP marks a ray without any sample by -infinity, in a plane all values count.
enum class Untouched { none, negative_infinity };

// pixels[x] = code of values[x] with alpha 255: the only layer of a picture.
void shade_row(const TransferTable& table, const float* values, int count, Untouched untouched,
               std::uint32_t* pixels);

// Linear light of a row while layers are put over one another: red, green, blue in 0..1.
struct ColorRow {
  float* red;
  float* green;
  float* blue;
};
void shade_over(const TransferTable& table, const float* values, int count, Untouched untouched,
                const ColorRow& row);
void finish_row(const ColorRow& row, int count, std::uint32_t* pixels);

// ---- volumes (mip_kernel.cpp)

// A volume as the rays see it that advance along axis k, a < b being the other two. Strides in bytes.
struct MipAxis {
  std::int64_t stride_k, stride_a, stride_b;
  int n_k, n_a, n_b;
  int axis_k, axis_a, axis_b;
  const float*
      reach;  // [brick k][brick a][brick b]: largest value a ray may meet in 8 planes; null: nothing is skipped
  int bricks_a, bricks_b;
};
struct MipVolume {
  const std::byte* voxels;
  data::DType dtype;  // f64 is drawn from a copy in f32
  bool linear;
  std::array<MipAxis, 3> axes;
};

// Rays of one row, in index space (z, y, x): ray x starts at origin + x * origin_step, along direction + x * direction_step.
struct MipRays {
  std::array<double, 3> origin, origin_step;
  std::array<double, 3> direction, direction_step;
  bool from_eye;  // samples behind the origin do not count
  int count;      // <= kMipRaysMax
};
inline constexpr int kMipRaysMax = 64;

// best[x] = largest sample of ray x, -infinity without any. `best` holds kMipRaysMax elements.
void mip_row(const MipVolume& volume, const MipRays& rays, float* best);

// ---- video (convert_kernel.cpp)

// 16-bit fixed-point factors of one matrix, unit 2^-16, all positive; Cb and Cr subtract the first two.
struct VideoFactors {
  std::uint16_t y_red, y_green, y_blue;
  std::uint16_t cb_red, cb_green, cb_blue;
  std::uint16_t cr_green, cr_blue, cr_red;
};
enum class ChromaPacking { interleaved, planar };

// Two rows of RGBA8 to two rows of Y' and one row of chroma (4:2:0). `cr` is unused when interleaved.
struct RowsTo420 {
  const std::uint8_t* rgba[2];
  std::uint8_t* y[2];
  std::uint8_t* cb;
  std::uint8_t* cr;
};
void convert_to_420(const VideoFactors& factors, const RowsTo420& rows, int width,
                    ChromaPacking packing);

// One row of RGBA8 to one row of each plane (4:4:4).
struct RowTo444 {
  const std::uint8_t* rgba;
  std::uint8_t* y;
  std::uint8_t* cb;
  std::uint8_t* cr;
};
void convert_to_444(const VideoFactors& factors, const RowTo444& row, int width);

// One row of a bilinear enlargement of RGBA8. Weights are in 2^-15; those across are repeated for the four components and padded
// to an even number of pixels. `blended` is scratch for 4 * source_width + 4 elements.
struct EnlargedRow {
  const std::uint8_t* above;
  const std::uint8_t* below;
  std::int16_t below_weight;
  int source_width;
  const std::int32_t* index;   // pixel on the left
  const std::int16_t* weight;  // of the pixel on the right
  std::int16_t* blended;
};
void enlarge_row(const EnlargedRow& row, int width, std::uint8_t* rgba);

// The instruction set that runs: "AVX2".
[[nodiscard]] std::string target_name();
// Highway's numbers of all that this machine can run of those compiled for, for tests that try each.
[[nodiscard]] std::vector<std::int64_t> runnable_targets();

}  // namespace napari::engine::simd
