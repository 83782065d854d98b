// A layer's transfer as the shaders want it (colour_of in common.glsl): for 8- and 16-bit integers that are not
// interpolated the colour of every value, of TransferTable; else the colour map itself, and
// the shader does the rest. Pure; knows no GL. Threads: any.
#pragma once

#include <array>
#include <vector>

#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct ColourTable {
  bool exact{false};
  float low{0};       // exact: the value of entry 0
  float low_rest{0};  // low less the contrast limit that it was rounded from
  float span{1};
  float gamma{1};
  float opacity{1};
  std::vector<std::array<float, 4>> entries;  // opacity * (red, green, blue)
};

// Of a checked transfer (check_plan).
[[nodiscard]] gstx::Result<ColourTable> make_colour_table(const data::Transfer& transfer,
                                                          data::DType dtype,
                                                          data::Interpolation interpolation);

// Values that a maximum need not tell apart, since their colours are the same to the last bit, by the table or computed.
struct ColourRange {
  float dark{0};    // as every value below it
  float enough{0};  // as every value above it
};
[[nodiscard]] ColourRange colour_range(const data::Transfer& transfer);

}  // namespace napari::engine
