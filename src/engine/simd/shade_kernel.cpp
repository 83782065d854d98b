#include <limits>

#include "engine/simd/kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/simd/shade_kernel.cpp"
#include <hwy/foreach_target.h>

#include "engine/simd/lanes.hpp"

HWY_BEFORE_NAMESPACE();
namespace napari::engine::simd {
namespace HWY_NAMESPACE {

// Entry of each value in the table: see TransferTable::Index.
template <TransferTable::Index kIndex>
HWY_INLINE IntVec entries(const TransferTable& table, FloatVec value) {
  const FloatTag df;
  const IntTag di;
  if constexpr (kIndex == TransferTable::Index::by_value) {
    const IntVec last = hn::Set(di, static_cast<std::int32_t>(table.codes().size()) - 1);
    const IntVec entry = hn::Sub(hn::ConvertTo(di, value), hn::Set(di, table.first_value()));
    return hn::Min(hn::Max(entry, hn::Zero(di)), last);  // -infinity is no value of the table
  } else {
    const FloatVec above =
        hn::Add(hn::Sub(value, hn::Set(df, table.low())), hn::Set(df, table.low_rest()));
    const FloatVec bin = hn::Mul(above, hn::Set(df, table.bins_per_unit()));
    const FloatVec positive = hn::IfThenElseZero(hn::Gt(bin, hn::Zero(df)), bin);  // NaN is not
    return hn::ConvertTo(
        di, hn::Min(positive, hn::Set(df, static_cast<float>(TransferTable::kBins - 1))));
  }
}

// Evaluates the lanes that the table is not sure of.
HWY_NOINLINE void ask(const TransferTable& table, const float* values, std::size_t lanes,
                      std::uint32_t* pixels) {
  for (std::size_t i = 0; i < lanes; ++i) {
    if (pixels[i] >> 24 < TransferTable::kExact)
      pixels[i] = table.exact_code(static_cast<double>(values[i]));
  }
}

template <TransferTable::Index kIndex>
HWY_INLINE void shade(const TransferTable& table, const float* values, int count,
                      Untouched untouched, std::uint32_t* pixels) {
  const FloatTag df;
  const IntTag di;
  const UintTag du;
  const auto lanes = static_cast<int>(hn::Lanes(df));
  const auto* codes = reinterpret_cast<const std::byte*>(table.codes().data());
  const FloatVec nothing = hn::Set(df, -std::numeric_limits<float>::infinity());
  const UintVec opaque = hn::Set(du, 0xff000000U);
  const UintVec least = hn::Set(du, TransferTable::kExact);
  HWY_ALIGN float asked[kLanesMax];
  HWY_ALIGN std::uint32_t buffer[kLanesMax];
  for (int x = 0; x < count; x += lanes) {
    const FloatVec value = hn::LoadU(df, values + x);
    UintVec code = gather_words(codes, hn::ShiftLeft<2>(entries<kIndex>(table, value)));
    if constexpr (kIndex == TransferTable::Index::by_bin) {
      const auto unsure = hn::Lt(hn::BitCast(di, hn::ShiftRight<24>(code)), hn::BitCast(di, least));
      if (HWY_UNLIKELY(!hn::AllFalse(di, unsure))) {
        hn::Store(value, df, asked);
        hn::Store(code, du, buffer);
        ask(table, asked, static_cast<std::size_t>(lanes), buffer);
        code = hn::Load(du, buffer);
      }
      code = hn::Or(code, opaque);
    }
    if (untouched == Untouched::negative_infinity) {
      const auto keep = hn::RebindMask(du, hn::Eq(value, nothing));
      code = hn::IfThenElse(keep, opaque, code);
    }
    if (x + lanes <= count) {
      hn::StoreU(code, du, pixels + x);
    } else {
      hn::Store(code, du, buffer);
      std::memcpy(pixels + x, buffer, static_cast<std::size_t>(count - x) * sizeof(buffer[0]));
    }
  }
}

void ShadeRow(const TransferTable& table, const float* values, int count, Untouched untouched,
              std::uint32_t* pixels) {
  if (table.index() == TransferTable::Index::by_value) {
    shade<TransferTable::Index::by_value>(table, values, count, untouched, pixels);
  } else {
    shade<TransferTable::Index::by_bin>(table, values, count, untouched, pixels);
  }
}

HWY_INLINE bool any_to_ask(const TransferTable& table, IntVec entry) {
  const UintTag du;
  const auto* codes = reinterpret_cast<const std::byte*>(table.codes().data());
  const UintVec certainty = hn::ShiftRight<24>(gather_words(codes, hn::ShiftLeft<2>(entry)));
  return !hn::AllFalse(du, hn::Eq(certainty, hn::Set(du, TransferTable::kAsk)));
}

HWY_NOINLINE void ask_colors(const TransferTable& table, FloatVec value,
                             float (&colors)[3][kLanesMax]) {
  const FloatTag df;
  HWY_ALIGN float values[kLanesMax];
  hn::Store(value, df, values);
  for (std::size_t i = 0; i < hn::Lanes(df); ++i) {
    const std::array<double, 3> color = table.exact_color(static_cast<double>(values[i]));
    for (std::size_t c = 0; c < 3; ++c) colors[c][i] = static_cast<float>(color[c]);
  }
}

template <TransferTable::Index kIndex>
HWY_INLINE void shade_over_row(const TransferTable& table, const float* values, int count,
                               Untouched untouched, const ColorRow& row) {
  const FloatTag df;
  const auto lanes = static_cast<int>(hn::Lanes(df));
  const std::size_t entry_count = table.codes().size();
  const float* const colors = table.colors().data();
  float* const planes[3] = {row.red, row.green, row.blue};
  const FloatVec nothing = hn::Set(df, -std::numeric_limits<float>::infinity());
  const FloatVec below = hn::Set(df, 1.0F - table.opacity());
  for (int x = 0; x < count; x += lanes) {
    const FloatVec value = hn::LoadU(df, values + x);
    const IntVec entry = entries<kIndex>(table, value);
    const auto keep = hn::Eq(value, nothing);
    const bool steep = kIndex == TransferTable::Index::by_bin && any_to_ask(table, entry);
    HWY_ALIGN float asked[3][kLanesMax];
    if (HWY_UNLIKELY(steep)) ask_colors(table, value, asked);
    for (std::size_t c = 0; c < 3; ++c) {
      const FloatVec color = HWY_UNLIKELY(steep) ? hn::Load(df, asked[c])
                                                 : gather_floats(colors + c * entry_count, entry);
      const FloatVec old = hn::LoadU(df, planes[c] + x);
      const FloatVec over = hn::MulAdd(below, old, color);
      const bool whole = untouched == Untouched::none;
      hn::StoreU(whole ? over : hn::IfThenElse(keep, old, over), df, planes[c] + x);
    }
  }
}

void ShadeOver(const TransferTable& table, const float* values, int count, Untouched untouched,
               const ColorRow& row) {
  if (table.index() == TransferTable::Index::by_value) {
    shade_over_row<TransferTable::Index::by_value>(table, values, count, untouched, row);
  } else {
    shade_over_row<TransferTable::Index::by_bin>(table, values, count, untouched, row);
  }
}

HWY_INLINE UintVec code_of(FloatVec component) {
  const FloatTag df;
  const IntTag di;
  const FloatVec code =
      hn::MulAdd(component, hn::Set(df, 255.0F), hn::Set(df, 0.5F + 1.0F / 65536));
  return hn::BitCast(UintTag(), hn::ConvertTo(di, hn::Min(code, hn::Set(df, 255.5F))));
}

void FinishRow(const ColorRow& row, int count, std::uint32_t* pixels) {
  const FloatTag df;
  const UintTag du;
  const auto lanes = static_cast<int>(hn::Lanes(df));
  HWY_ALIGN std::uint32_t buffer[kLanesMax];
  for (int x = 0; x < count; x += lanes) {
    const UintVec red = code_of(hn::LoadU(df, row.red + x));
    const UintVec green = hn::ShiftLeft<8>(code_of(hn::LoadU(df, row.green + x)));
    const UintVec blue = hn::ShiftLeft<16>(code_of(hn::LoadU(df, row.blue + x)));
    hn::Store(hn::Or(hn::Or(red, green), hn::Or(blue, hn::Set(du, 0xff000000U))), du, buffer);
    const int left = count - x < lanes ? count - x : lanes;
    std::memcpy(pixels + x, buffer, static_cast<std::size_t>(left) * sizeof(buffer[0]));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace napari::engine::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace napari::engine::simd {

HWY_EXPORT(ShadeRow);
HWY_EXPORT(ShadeOver);
HWY_EXPORT(FinishRow);

void shade_row(const TransferTable& table, const float* values, int count, Untouched untouched,
               std::uint32_t* pixels) {
  HWY_DYNAMIC_DISPATCH(ShadeRow)(table, values, count, untouched, pixels);
}
void shade_over(const TransferTable& table, const float* values, int count, Untouched untouched,
                const ColorRow& row) {
  HWY_DYNAMIC_DISPATCH(ShadeOver)(table, values, count, untouched, row);
}
void finish_row(const ColorRow& row, int count, std::uint32_t* pixels) {
  HWY_DYNAMIC_DISPATCH(FinishRow)(row, count, pixels);
}

}  // namespace napari::engine::simd
#endif
