#include "engine/gl/texel_format.hpp"

#include <algorithm>

namespace napari::engine {

using data::DType;

TexelKind texel_kind(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::u16:
    case DType::u32:
      return TexelKind::unsigned_integer;
    case DType::i8:
    case DType::i16:
    case DType::i32:
      return TexelKind::signed_integer;
    case DType::f32:
    case DType::f64:
      break;
  }
  return TexelKind::floating;
}

TexelFormat texel_format(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return {GL_R8UI, GL_RED_INTEGER, GL_UNSIGNED_BYTE, GL_R8, 255};
    case DType::u16:
      return {GL_R16UI, GL_RED_INTEGER, GL_UNSIGNED_SHORT, GL_R16, 65535};
    case DType::u32:
      return {GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT, 0, 1};
    case DType::i8:
      return {GL_R8I, GL_RED_INTEGER, GL_BYTE, GL_R8_SNORM, 127};
    case DType::i16:
      return {GL_R16I, GL_RED_INTEGER, GL_SHORT, GL_R16_SNORM, 32767};
    case DType::i32:
      return {GL_R32I, GL_RED_INTEGER, GL_INT, 0, 1};
    case DType::f32:
    case DType::f64:
      break;
  }
  return {GL_R32F, GL_RED, GL_FLOAT, GL_R32F, 1};
}

std::size_t texel_bytes(DType dtype) { return std::min<std::size_t>(data::byte_size(dtype), 4); }

bool is_filterable(DType dtype) { return texel_format(dtype).filterable != 0; }

float texel_scale(DType dtype) { return texel_format(dtype).scale; }

}  // namespace napari::engine
