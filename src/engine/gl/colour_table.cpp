#include "engine/gl/colour_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "data/colormap.hpp"
#include "engine/transfer_table.hpp"

namespace napari::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float rounded_down(double value) {
  const auto near = static_cast<float>(value);
  return static_cast<double>(near) > value ? std::nextafter(near, -kInfinity) : near;
}

float rounded_up(double value) {
  const auto near = static_cast<float>(value);
  return static_cast<double>(near) < value ? std::nextafter(near, kInfinity) : near;
}

}  // namespace

gstx::Result<ColourTable> make_colour_table(const data::Transfer& transfer, data::DType dtype,
                                            data::Interpolation interpolation) {
  ColourTable table;
  const bool interpolated = interpolation == data::Interpolation::linear;
  if (!interpolated && data::byte_size(dtype) <= 2) {
    GSTX_ASSIGN_OR_RETURN(const TransferTablePtr exact,
                          TransferTable::make(transfer, dtype, interpolated));
    const std::size_t count = exact->codes().size();
    const std::vector<float>& colors = exact->colors();
    table.exact = true;
    table.low = static_cast<float>(exact->first_value());
    table.opacity = exact->opacity();
    table.entries.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      table.entries.push_back({colors[i], colors[count + i], colors[2 * count + i], 0.0F});
    }
    return table;
  }
  const data::ColormapTable* map = data::find_colormap(transfer.colormap);
  if (map == nullptr) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("colour map \"{}\" is not known", transfer.colormap));
  }
  const auto opacity = static_cast<float>(transfer.opacity);
  table.low = static_cast<float>(transfer.contrast_low);
  table.low_rest = static_cast<float>(static_cast<double>(table.low) - transfer.contrast_low);
  table.span = static_cast<float>(transfer.contrast_high - transfer.contrast_low);
  table.gamma = static_cast<float>(transfer.gamma);
  table.opacity = opacity;
  for (const auto& rgb : map->rgb) {
    table.entries.push_back({opacity * rgb[0], opacity * rgb[1], opacity * rgb[2], 0.0F});
  }
  return table;
}

ColourRange colour_range(const data::Transfer& transfer) {
  ColourRange range;
  range.dark = rounded_down(transfer.contrast_low);
  // Above, since the shader's division may be a little short of 1 at the limit itself.
  const double span = transfer.contrast_high - transfer.contrast_low;
  const double top = span > 0 ? transfer.contrast_high + 1e-5 * span : transfer.contrast_low;
  range.enough = std::nextafter(rounded_up(top), kInfinity);
  return range;
}

}  // namespace napari::engine
