// Conversions that the CUDA kernel and ColorConverter must agree about byte for byte, the bytes beside the picture included: sizes,
// layouts, flips, matrices, and rows that begin anywhere. For the tests of the kernel's arithmetic on the CPU and on the GPU.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/color_convert.hpp"

namespace napari::engine::cuda_test {

// How far rows are from being aligned.
struct Placement {
  std::size_t rgba_offset, rgba_padding;
  std::size_t plane_offset, plane_padding;
};

struct ConvertCase {
  VideoLayout layout;
  data::CanvasSize source, target;
  ConvertOptions options;
  Placement placement;

  [[nodiscard]] std::string name() const;
};
[[nodiscard]] std::vector<ConvertCase> convert_cases();

// Rows in one piece of memory that begins `offset` bytes before the first; filled with noise (pictures) or with 0xa5 (planes).
struct Rows {
  std::vector<std::uint8_t> bytes;
  std::size_t offset{0};
  std::size_t stride_bytes{0};

  [[nodiscard]] std::uint8_t* first() { return bytes.data() + offset; }
};
[[nodiscard]] Rows make_picture(const ConvertCase& test);
[[nodiscard]] std::array<Rows, 3> make_planes(const ConvertCase& test);

// What ColorConverter makes of `picture`.
[[nodiscard]] std::array<Rows, 3> reference(const ConvertCase& test, Rows& picture);

// "plane 1, row 3, byte 17: 128, not 127" of the first difference, or nothing.
[[nodiscard]] std::string first_difference(const ConvertCase& test,
                                           const std::array<Rows, 3>& planes,
                                           const std::array<Rows, 3>& expected);

}  // namespace napari::engine::cuda_test
