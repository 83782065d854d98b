#include <algorithm>

#include "data/dispatch.hpp"
#include "engine/simd/kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/simd/slice_kernel.cpp"
#include <hwy/foreach_target.h>

#include "engine/simd/lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace napari::engine::simd {
namespace HWY_NAMESPACE {

// Rows are read element by element with memcpy, which the compiler turns into vector loads: a row of a block starts at any
// multiple of its element size, and the last one may end at the last mapped byte.
template <typename T>
HWY_INLINE float load_element(const std::byte* source, int x) {
  T value;
  std::memcpy(&value,
              source + static_cast<std::ptrdiff_t>(x) * static_cast<std::ptrdiff_t>(sizeof(T)),
              sizeof(T));
  return static_cast<float>(value);
}

void LoadRow(data::DType dtype, const std::byte* source, int count, float* out) {
  data::dispatch(dtype, [&]<typename T>() HWY_ATTR {
    const std::byte* HWY_RESTRICT from = source;
    float* HWY_RESTRICT to = out;
    for (int x = 0; x < count; ++x) to[x] = load_element<T>(from, x);
  });
}

void LoadRows(data::DType dtype, const RowPair& rows, int count, float* out) {
  data::dispatch(dtype, [&]<typename T>() HWY_ATTR {
    const std::byte* HWY_RESTRICT above = rows.a;
    const std::byte* HWY_RESTRICT below = rows.b;
    float* HWY_RESTRICT to = out;
    const float weight = rows.weight;
    for (int x = 0; x < count; ++x) {
      const float a = load_element<T>(above, x);
      to[x] = a + (load_element<T>(below, x) - a) * weight;
    }
  });
}

void PickNearest(const float* row, const std::int32_t* index, int count, float* out) {
  const FloatTag df;
  const IntTag di;
  const auto lanes = static_cast<int>(hn::Lanes(df));
  int x = 0;
  for (; x + lanes <= count; x += lanes) {
    hn::StoreU(gather_floats(row, hn::LoadU(di, index + x)), df, out + x);
  }
  for (; x < count; ++x) out[x] = row[index[x]];
}

void PickLinear(const float* row, const LinearTaps& taps, int count, float* out) {
  const FloatTag df;
  const IntTag di;
  const auto lanes = static_cast<int>(hn::Lanes(df));
  // Tables of taps are padded, so the last step may compute lanes that nobody reads.
  for (int x = 0; x < count; x += lanes) {
    const IntVec index = hn::LoadU(di, taps.index + x);
    const FloatVec weight = hn::LoadU(df, taps.weight + x);
    const FloatVec a = gather_floats(row, index);
    const FloatVec b = gather_floats(row + 1, index);
    const FloatVec between = hn::MulAdd(hn::Sub(b, a), weight, a);
    hn::StoreU(hn::IfThenElse(hn::Eq(weight, hn::Zero(df)), a, between), df, out + x);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace napari::engine::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace napari::engine::simd {

HWY_EXPORT(LoadRow);
HWY_EXPORT(LoadRows);
HWY_EXPORT(PickNearest);
HWY_EXPORT(PickLinear);

void load_row(data::DType dtype, const std::byte* source, int count, float* out) {
  HWY_DYNAMIC_DISPATCH(LoadRow)(dtype, source, count, out);
}
void load_rows(data::DType dtype, const RowPair& rows, int count, float* out) {
  HWY_DYNAMIC_DISPATCH(LoadRows)(dtype, rows, count, out);
}
void pick_nearest(const float* row, const std::int32_t* index, int count, float* out) {
  HWY_DYNAMIC_DISPATCH(PickNearest)(row, index, count, out);
}
void pick_linear(const float* row, const LinearTaps& taps, int count, float* out) {
  HWY_DYNAMIC_DISPATCH(PickLinear)(row, taps, count, out);
}
std::string target_name() {
  const std::int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(supported & -supported);
}
std::vector<std::int64_t> runnable_targets() { return hwy::SupportedAndGeneratedTargets(); }

}  // namespace napari::engine::simd
#endif
