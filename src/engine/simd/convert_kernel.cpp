#include <algorithm>

#include "engine/simd/convert_scalar.hpp"
#include "engine/simd/kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/simd/convert_kernel.cpp"
#include <hwy/foreach_target.h>

#include "engine/simd/lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace napari::engine::simd {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR  // one lane: there is no vector of bytes to pair

void ConvertTo420(const VideoFactors& factors, const RowsTo420& rows, int width,
                  ChromaPacking packing) {
  scalar::to_420(factors, rows, width, packing);
}
void ConvertTo444(const VideoFactors& factors, const RowTo444& row, int width) {
  scalar::to_444(factors, row, width);
}
void EnlargeRow(const EnlargedRow& row, int width, std::uint8_t* rgba) {
  scalar::enlarge(row, width, rgba);
}

#else

using ByteTag = hn::ScalableTag<std::uint8_t>;
using WordTag = hn::RepartitionToWide<ByteTag>;
using ByteVec = hn::Vec<ByteTag>;
using WordVec = hn::Vec<WordTag>;

constexpr int kBytesMax = HWY_MAX_BYTES;

// Codes are computed in 1/256 of a code value, 16 bits without sign. A product is the high half of (value * 256) * factor,
// which truncates by half a unit on average: a code of three terms of the same sign gets one and a half back.
constexpr std::uint16_t kLumaBase = 16 * 256 + 128 + 1;
constexpr std::uint16_t kChromaBase = 128 * 256 + 128;

HWY_INLINE WordVec word(std::uint16_t value) { return hn::Set(WordTag(), value); }

// Even pixels of a vector of bytes, times 256; odd ones likewise.
HWY_INLINE WordVec even(ByteVec v) { return hn::ShiftLeft<8>(hn::BitCast(WordTag(), v)); }
HWY_INLINE WordVec odd(ByteVec v) { return hn::And(hn::BitCast(WordTag(), v), word(0xff00)); }

HWY_INLINE ByteVec join(WordVec even_codes, WordVec odd_codes) {
  return hn::BitCast(ByteTag(),
                     hn::Or(hn::ShiftRight<8>(even_codes), hn::And(odd_codes, word(0xff00))));
}

HWY_INLINE WordVec luma(const VideoFactors& factors, WordVec red, WordVec green, WordVec blue) {
  const WordVec sum =
      hn::Add(hn::MulHigh(red, word(factors.y_red)), hn::MulHigh(green, word(factors.y_green)));
  return hn::Add(hn::Add(sum, hn::MulHigh(blue, word(factors.y_blue))), word(kLumaBase));
}
HWY_INLINE WordVec chroma_blue(const VideoFactors& factors, WordVec red, WordVec green,
                               WordVec blue) {
  const WordVec less =
      hn::Add(hn::MulHigh(red, word(factors.cb_red)), hn::MulHigh(green, word(factors.cb_green)));
  return hn::Sub(hn::Add(hn::MulHigh(blue, word(factors.cb_blue)), word(kChromaBase)), less);
}
HWY_INLINE WordVec chroma_red(const VideoFactors& factors, WordVec red, WordVec green,
                              WordVec blue) {
  const WordVec less =
      hn::Add(hn::MulHigh(green, word(factors.cr_green)), hn::MulHigh(blue, word(factors.cr_blue)));
  return hn::Sub(hn::Add(hn::MulHigh(red, word(factors.cr_red)), word(kChromaBase)), less);
}

HWY_INLINE ByteVec luma_row(const VideoFactors& factors, ByteVec red, ByteVec green, ByteVec blue) {
  return join(luma(factors, even(red), even(green), even(blue)),
              luma(factors, odd(red), odd(green), odd(blue)));
}

// Sum of horizontal neighbours.
HWY_INLINE WordVec pair_sum(ByteVec v) {
  const WordVec words = hn::BitCast(WordTag(), v);
  return hn::Add(hn::And(words, word(0x00ff)), hn::ShiftRight<8>(words));
}

// Mean of 2 x 2 pixels, times 256.
HWY_INLINE WordVec mean(ByteVec above, ByteVec below) {
  return hn::ShiftLeft<6>(hn::Add(pair_sum(above), pair_sum(below)));
}

HWY_INLINE void store_low(WordVec codes, std::uint8_t* out) {
  const hn::RebindToSigned<WordTag> di;
  const hn::Rebind<std::uint8_t, WordTag> half;
  hn::StoreU(hn::DemoteTo(half, hn::BitCast(di, hn::ShiftRight<8>(codes))), half, out);
}

// One vector of pixels of two rows, at pixel x.
template <ChromaPacking kPacking>
HWY_INLINE void block_to_420(const VideoFactors& factors, const RowsTo420& rows, int x) {
  const ByteTag d8;
  ByteVec red0, green0, blue0, red1, green1, blue1, alpha;
  hn::LoadInterleaved4(d8, rows.rgba[0] + 4 * x, red0, green0, blue0, alpha);
  hn::LoadInterleaved4(d8, rows.rgba[1] + 4 * x, red1, green1, blue1, alpha);
  hn::StoreU(luma_row(factors, red0, green0, blue0), d8, rows.y[0] + x);
  hn::StoreU(luma_row(factors, red1, green1, blue1), d8, rows.y[1] + x);
  const WordVec red = mean(red0, red1);
  const WordVec green = mean(green0, green1);
  const WordVec blue = mean(blue0, blue1);
  const WordVec cb = chroma_blue(factors, red, green, blue);
  const WordVec cr = chroma_red(factors, red, green, blue);
  if constexpr (kPacking == ChromaPacking::interleaved) {
    hn::StoreU(join(cb, cr), d8, rows.cb + x);
  } else {
    store_low(cb, rows.cb + x / 2);
    store_low(cr, rows.cr + x / 2);
  }
}

template <ChromaPacking kPacking>
void rows_to_420(const VideoFactors& factors, const RowsTo420& rows, int width) {
  const auto lanes = static_cast<int>(hn::Lanes(ByteTag()));
  int x = 0;
  for (; x + lanes <= width; x += lanes) block_to_420<kPacking>(factors, rows, x);
  if (x == width) return;
  HWY_ALIGN std::uint8_t rgba[2][4 * kBytesMax]{};
  HWY_ALIGN std::uint8_t out[4][kBytesMax];
  const auto left = static_cast<std::size_t>(width - x);
  for (std::size_t row = 0; row < 2; ++row)
    std::memcpy(rgba[row], rows.rgba[row] + 4 * x, 4 * left);
  block_to_420<kPacking>(factors, {{rgba[0], rgba[1]}, {out[0], out[1]}, out[2], out[3]}, 0);
  for (std::size_t row = 0; row < 2; ++row) std::memcpy(rows.y[row] + x, out[row], left);
  if constexpr (kPacking == ChromaPacking::interleaved) {
    std::memcpy(rows.cb + x, out[2], left);
  } else {
    std::memcpy(rows.cb + x / 2, out[2], left / 2);
    std::memcpy(rows.cr + x / 2, out[3], left / 2);
  }
}

void ConvertTo420(const VideoFactors& factors, const RowsTo420& rows, int width,
                  ChromaPacking packing) {
  if (packing == ChromaPacking::interleaved) {
    rows_to_420<ChromaPacking::interleaved>(factors, rows, width);
  } else {
    rows_to_420<ChromaPacking::planar>(factors, rows, width);
  }
}

HWY_INLINE void block_to_444(const VideoFactors& factors, const RowTo444& row, int x) {
  const ByteTag d8;
  ByteVec red, green, blue, alpha;
  hn::LoadInterleaved4(d8, row.rgba + 4 * x, red, green, blue, alpha);
  hn::StoreU(luma_row(factors, red, green, blue), d8, row.y + x);
  const ByteVec cb = join(chroma_blue(factors, even(red), even(green), even(blue)),
                          chroma_blue(factors, odd(red), odd(green), odd(blue)));
  const ByteVec cr = join(chroma_red(factors, even(red), even(green), even(blue)),
                          chroma_red(factors, odd(red), odd(green), odd(blue)));
  hn::StoreU(cb, d8, row.cb + x);
  hn::StoreU(cr, d8, row.cr + x);
}

void ConvertTo444(const VideoFactors& factors, const RowTo444& row, int width) {
  const auto lanes = static_cast<int>(hn::Lanes(ByteTag()));
  int x = 0;
  for (; x + lanes <= width; x += lanes) block_to_444(factors, row, x);
  if (x == width) return;
  HWY_ALIGN std::uint8_t rgba[4 * kBytesMax]{};
  HWY_ALIGN std::uint8_t out[3][kBytesMax];
  const auto left = static_cast<std::size_t>(width - x);
  std::memcpy(rgba, row.rgba + 4 * x, 4 * left);
  block_to_444(factors, {rgba, out[0], out[1], out[2]}, 0);
  std::memcpy(row.y + x, out[0], left);
  std::memcpy(row.cb + x, out[1], left);
  std::memcpy(row.cr + x, out[2], left);
}

// blended = above + (below - above) * weight in 1/128 of a code, with the last pixel repeated once.
HWY_INLINE void blend(const EnlargedRow& row) {
  const hn::FixedTag<std::uint8_t, 8> d8;
  const hn::FixedTag<std::int16_t, 8> d16;
  const int count = 4 * row.source_width;
  const auto weight = hn::Set(d16, row.below_weight);
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    const auto above = hn::ShiftLeft<7>(hn::PromoteTo(d16, hn::LoadU(d8, row.above + i)));
    const auto below = hn::ShiftLeft<7>(hn::PromoteTo(d16, hn::LoadU(d8, row.below + i)));
    hn::StoreU(hn::Add(above, hn::MulFixedPoint15(hn::Sub(below, above), weight)), d16,
               row.blended + i);
  }
  for (; i < count; ++i) {
    const int above = row.above[i] << 7;
    const int below = row.below[i] << 7;
    row.blended[i] = static_cast<std::int16_t>(
        above + (((below - above) * row.below_weight + (1 << 14)) >> 15));  // as MulFixedPoint15
  }
  std::copy_n(row.blended + count - 4, 4, row.blended + count);
}

void EnlargeRow(const EnlargedRow& row, int width, std::uint8_t* rgba) {
  blend(row);
  const hn::FixedTag<std::int16_t, 8> d16;
  const hn::Repartition<std::uint64_t, decltype(d16)> d64;
  const hn::Rebind<std::uint8_t, decltype(d16)> d8;
  const auto pair_at = [&](int x)
                           HWY_ATTR { return hn::LoadU(d16, row.blended + 4 * row.index[x]); };
  const auto half = hn::Set(d16, std::int16_t{64});
  HWY_ALIGN std::uint8_t last[8];
  for (int x = 0; x < width; x += 2) {
    const auto first = hn::BitCast(d64, pair_at(x));
    const auto second = hn::BitCast(d64, pair_at(x + 1 < width ? x + 1 : x));
    const auto left = hn::BitCast(d16, hn::InterleaveLower(d64, first, second));
    const auto right = hn::BitCast(d16, hn::InterleaveUpper(d64, first, second));
    const auto weight = hn::LoadU(d16, row.weight + 4 * x);
    const auto value = hn::Add(left, hn::MulFixedPoint15(hn::Sub(right, left), weight));
    const auto code = hn::DemoteTo(d8, hn::ShiftRight<7>(hn::Add(value, half)));
    if (x + 2 <= width) {
      hn::StoreU(code, d8, rgba + 4 * x);
    } else {
      hn::StoreU(code, d8, last);
      std::memcpy(rgba + 4 * x, last, 4);
    }
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace napari::engine::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace napari::engine::simd {

HWY_EXPORT(ConvertTo420);
HWY_EXPORT(ConvertTo444);
HWY_EXPORT(EnlargeRow);

void convert_to_420(const VideoFactors& factors, const RowsTo420& rows, int width,
                    ChromaPacking packing) {
  HWY_DYNAMIC_DISPATCH(ConvertTo420)(factors, rows, width, packing);
}
void convert_to_444(const VideoFactors& factors, const RowTo444& row, int width) {
  HWY_DYNAMIC_DISPATCH(ConvertTo444)(factors, row, width);
}
void enlarge_row(const EnlargedRow& row, int width, std::uint8_t* rgba) {
  HWY_DYNAMIC_DISPATCH(EnlargeRow)(row, width, rgba);
}

}  // namespace napari::engine::simd
#endif
