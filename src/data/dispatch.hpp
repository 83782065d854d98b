// Calls a template with the C++ type of a DType: `dispatch(dtype, [&]<typename T>() { ... })`.
// Threads: any.
#pragma once

#include <cstdint>
#include <utility>

#include "data/types.hpp"

namespace napari::data {

template <typename Function>
decltype(auto) dispatch(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::u8:
      return function.template operator()<std::uint8_t>();
    case DType::u16:
      return function.template operator()<std::uint16_t>();
    case DType::u32:
      return function.template operator()<std::uint32_t>();
    case DType::i8:
      return function.template operator()<std::int8_t>();
    case DType::i16:
      return function.template operator()<std::int16_t>();
    case DType::i32:
      return function.template operator()<std::int32_t>();
    case DType::f32:
      return function.template operator()<float>();
    case DType::f64:
      break;
  }
  return function.template operator()<double>();
}

}  // namespace napari::data
