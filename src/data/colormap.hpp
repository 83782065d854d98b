// napari's colour maps by name: 256 entries each, colour interpolated linearly between entries, as
// in docs/drawing.md. Measured maps come from matplotlib's tables, the others from their published
// control points and formulas. Threads: any; tables are built on first use, are immutable and live
// for the process.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace napari::data {

struct ColormapTable {
  std::string name;                           // canonical spelling
  std::array<std::array<float, 3>, 256> rgb;  // red, green, blue in 0..1
};

// Canonical names, sorted without regard to case.
[[nodiscard]] const std::vector<std::string>& colormap_names();

// Case-insensitive; null when there is none of that name.
[[nodiscard]] const ColormapTable* find_colormap(std::string_view name);

}  // namespace napari::data
