#include "engine/gl/colour_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "data/colormap.hpp"

namespace napari::engine {
namespace {

using data::DType;
using gstx::ErrorCode;

gstx::Result<void> check(const data::Transfer& transfer) {
  if (!std::isfinite(transfer.contrast_low) || !std::isfinite(transfer.contrast_high)) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("contrast limits {}, {} are not finite", transfer.contrast_low,
                                  transfer.contrast_high));
  }
  if (!std::isfinite(transfer.gamma) || transfer.gamma <= 0) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("gamma {} is not above 0", transfer.gamma));
  }
  if (!(transfer.opacity >= 0 && transfer.opacity <= 1)) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("opacity {} not in 0..1", transfer.opacity));
  }
  return {};
}

template <typename T>
std::pair<int, int> range_of() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

std::optional<std::pair<int, int>> small_range(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return range_of<std::uint8_t>();
    case DType::i8:
      return range_of<std::int8_t>();
    case DType::u16:
      return range_of<std::uint16_t>();
    case DType::i16:
      return range_of<std::int16_t>();
    default:
      return std::nullopt;
  }
}

std::array<float, 4> colour_of(double value, const data::Transfer& transfer,
                               const data::ColormapTable& map) {
  double t = (value - transfer.contrast_low) / (transfer.contrast_high - transfer.contrast_low);
  t = std::isnan(t) ? 0.0 : std::clamp(t, 0.0, 1.0);
  if (transfer.gamma != 1.0) t = std::pow(t, transfer.gamma);
  const double position = 255.0 * t;
  const auto entry = std::min<std::size_t>(static_cast<std::size_t>(position), 254);
  const double fraction = position - static_cast<double>(entry);
  std::array<float, 4> colour{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double from = map.rgb[entry][c];
    const double to = map.rgb[entry + 1][c];
    colour[c] = static_cast<float>(from + fraction * (to - from));
  }
  return colour;
}

}  // namespace

gstx::Result<ColourTable> make_colour_table(const data::Transfer& transfer, DType dtype,
                                            data::Interpolation interpolation) {
  GSTX_TRY(check(transfer));
  const data::ColormapTable* map = data::find_colormap(transfer.colormap);
  if (map == nullptr) {
    return gstx::fail(ErrorCode::not_found,
                      fmt::format("no colour map named \"{}\"", transfer.colormap));
  }
  ColourTable table;
  const auto range = small_range(dtype);
  if (range && interpolation == data::Interpolation::nearest) {
    table.exact = true;
    table.low = static_cast<float>(range->first);
    table.entries.reserve(static_cast<std::size_t>(range->second - range->first + 1));
    for (int value = range->first; value <= range->second; ++value) {
      table.entries.push_back(colour_of(value, transfer, *map));
    }
    return table;
  }
  table.low = static_cast<float>(transfer.contrast_low);
  table.span = static_cast<float>(transfer.contrast_high - transfer.contrast_low);
  table.gamma = static_cast<float>(transfer.gamma);
  for (const auto& rgb : map->rgb) table.entries.push_back({rgb[0], rgb[1], rgb[2], 0.0F});
  return table;
}

}  // namespace napari::engine
