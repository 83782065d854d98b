#include "data/types.hpp"

#include <limits>

namespace napari::data {

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return "uint8";
    case DType::u16:
      return "uint16";
    case DType::u32:
      return "uint32";
    case DType::i8:
      return "int8";
    case DType::i16:
      return "int16";
    case DType::i32:
      return "int32";
    case DType::f32:
      return "float32";
    case DType::f64:
      return "float64";
  }
  return "unknown";
}

std::int64_t Region::voxels() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent <= 0) return 0;
    if (__builtin_mul_overflow(count, extent, &count))
      return std::numeric_limits<std::int64_t>::max();
  }
  return count;
}

}  // namespace napari::data
