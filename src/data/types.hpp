// Conventions, stated once: arrays are C-ordered [..., z, y, x]; a voxel's index i is its centre, so voxel i covers
// [i-0.5, i+0.5) in index space; world = scale * index + translation, in the data set's own unit, right-handed,
// axis order as in the data set; image origin top-left; data values are native, never normalised;
// time in ns on CLOCK_MONOTONIC unless a name says otherwise. Threads: any (values).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace napari::data {

enum class DType : std::uint8_t { u8, u16, u32, i8, i16, i32, f32, f64 };

[[nodiscard]] constexpr std::size_t byte_size(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::u16:
    case DType::i16:
      return 2;
    case DType::u32:
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
  }
  return 0;
}

// numpy's name ("uint16").
[[nodiscard]] std::string_view to_string(DType dtype);

struct CanvasSize {
  int width_px{1920};
  int height_px{1080};
  bool operator==(const CanvasSize&) const = default;
};

using Vec2 = std::array<double, 2>;
using Vec3 = std::array<double, 3>;

// A half-open box in N-D index space: start[i] <= index < start[i] + shape[i].
struct Region {
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> shape;

  [[nodiscard]] std::int64_t voxels() const;  // 0 where any extent is 0; saturates at int64 max
  bool operator==(const Region&) const = default;
};

}  // namespace napari::data
