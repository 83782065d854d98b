// What the kernels share, once per instruction set: included again by every pass of HWY_FOREACH_TARGET, hence no
// #pragma once. Vectors of Highway are neither members nor array elements. Threads: any.
#if defined(NAPARI_ENGINE_SIMD_LANES_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NAPARI_ENGINE_SIMD_LANES_HPP
#undef NAPARI_ENGINE_SIMD_LANES_HPP
#else
#define NAPARI_ENGINE_SIMD_LANES_HPP
#endif

#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace napari::engine::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::RebindToSigned<FloatTag>;
using UintTag = hn::RebindToUnsigned<FloatTag>;
constexpr int kLanesMax = HWY_MAX_BYTES / 4;

using FloatVec = hn::Vec<FloatTag>;
using IntVec = hn::Vec<IntTag>;
using UintVec = hn::Vec<UintTag>;

// 32 bits a lane from base + offset bytes, at any alignment.
HWY_INLINE UintVec gather_words(const std::byte* base, IntVec offset_bytes) {
  const UintTag du;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  return hn::GatherOffset(du, reinterpret_cast<const std::uint32_t*>(base), offset_bytes);
#else
  const IntTag di;
  HWY_ALIGN std::int32_t offsets[kLanesMax];
  HWY_ALIGN std::uint32_t words[kLanesMax];
  hn::Store(offset_bytes, di, offsets);
  for (std::size_t i = 0; i < hn::Lanes(di); ++i) {
    std::memcpy(&words[i], base + offsets[i], sizeof(words[i]));
  }
  return hn::Load(du, words);
#endif
}

HWY_INLINE FloatVec gather_floats(const float* base, IntVec index) {
  const FloatTag df;
  const UintVec words =
      gather_words(reinterpret_cast<const std::byte*>(base), hn::ShiftLeft<2>(index));
  return hn::BitCast(df, words);
}

// Unsigned 32-bit to the nearest float: both halves are exact, so only the sum rounds.
HWY_INLINE FloatVec float_from_uint(UintVec v) {
  const FloatTag df;
  const IntTag di;
  const FloatVec high = hn::ConvertTo(df, hn::BitCast(di, hn::ShiftRight<16>(v)));
  const FloatVec low = hn::ConvertTo(df, hn::BitCast(di, hn::And(v, hn::Set(UintTag(), 0xffffU))));
  return hn::MulAdd(high, hn::Set(df, 65536.0F), low);
}

// The voxel at the start of a 32-bit word, and the one after it (8 and 16 bits only).
template <typename T>
HWY_INLINE FloatVec first_voxel(UintVec word) {
  const FloatTag df;
  const IntTag di;
  constexpr int kUnused = 32 - 8 * static_cast<int>(sizeof(T) < 4 ? sizeof(T) : 4);
  if constexpr (std::is_same_v<T, float>) {
    return hn::BitCast(df, word);
  } else if constexpr (std::is_same_v<T, std::uint32_t>) {
    return float_from_uint(word);
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return hn::ConvertTo(df, hn::BitCast(di, word));
  } else if constexpr (std::is_signed_v<T>) {
    return hn::ConvertTo(df,
                         hn::ShiftRight<kUnused>(hn::ShiftLeft<kUnused>(hn::BitCast(di, word))));
  } else {
    return hn::ConvertTo(
        df, hn::BitCast(di, hn::And(word, hn::Set(UintTag(), (1U << (32 - kUnused)) - 1))));
  }
}
template <typename T>
HWY_INLINE FloatVec second_voxel(UintVec word) {
  static_assert(sizeof(T) <= 2);
  return first_voxel<T>(hn::ShiftRight<8 * static_cast<int>(sizeof(T))>(word));
}

}  // namespace HWY_NAMESPACE
}  // namespace napari::engine::simd
HWY_AFTER_NAMESPACE();

#endif
