// The measured colour tables, as they are checked in: text, decoded once by colormap.cpp and by
// nobody else. Threads: any (constants).
#pragma once

#include <span>
#include <string_view>

namespace napari::data {

struct EncodedColormap {
  std::string_view name;
  std::string_view
      digits;  // 256 * 3 components of five base-64 digits, most significant first, unit 2^-29
};

[[nodiscard]] std::span<const EncodedColormap> encoded_colormaps();

}  // namespace napari::data
