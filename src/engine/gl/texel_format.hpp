// How voxels of each type lie in textures, and how shaders see them: as stored (integers as integers), or, for filtering, as
// normalised numbers. Pure; makes no GL call. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include <epoxy/gl.h>

#include "data/types.hpp"

namespace napari::engine {

// How a shader samples a texture as stored: the prefix of its sampler type.
enum class TexelKind : std::uint8_t { unsigned_integer, signed_integer, floating };
[[nodiscard]] TexelKind texel_kind(data::DType dtype);

struct TexelFormat {
  GLenum internal;
  GLenum format;
  GLenum type;
  GLenum filterable;  // internal format of a view that texture units interpolate; 0: there is none
  float scale;        // the value of 1 in that view
};
// f64 is stored as f32.
[[nodiscard]] TexelFormat texel_format(data::DType dtype);
[[nodiscard]] std::size_t texel_bytes(data::DType dtype);
[[nodiscard]] bool is_filterable(data::DType dtype);
[[nodiscard]] float texel_scale(data::DType dtype);

}  // namespace napari::engine
