#include "engine/gl/block_texture.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/gl/texel_format.hpp"

namespace napari::engine {
namespace {

using data::VoxelBlock;
using gstx::ErrorCode;

constexpr int kErrorsMax = 64;  // a lost context may have no end of them

// What GL complains about, in words that is_gpu_lost knows.
gstx::Result<void> check_gl(const TextureKind& kind, const char* doing) {
  const GLenum first = glGetError();
  if (first == GL_NO_ERROR) return {};
  for (int i = 0; i < kErrorsMax && glGetError() != GL_NO_ERROR; ++i) {
  }
  if (first == GL_CONTEXT_LOST)
    return gstx::fail(ErrorCode::internal, fmt::format("the GPU lost its context while {}", doing));
  if (first == GL_OUT_OF_MEMORY)
    return gstx::fail(
        ErrorCode::unavailable,
        fmt::format("no texture of {} bytes: the GPU is out of memory", kind.bytes()));
  return gstx::fail(
      ErrorCode::internal,
      fmt::format("GL error {:#x} while {} for a texture of {} bytes", first, doing, kind.bytes()));
}

GLenum target_of(const TextureKind& kind) { return kind.is_volume ? GL_TEXTURE_3D : GL_TEXTURE_2D; }

void set_parameters(GLenum target, GLint filter) {
  glTexParameteri(target, GL_TEXTURE_MIN_FILTER, filter);
  glTexParameteri(target, GL_TEXTURE_MAG_FILTER, filter);
  for (const GLenum axis : {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R}) {
    glTexParameteri(target, axis, GL_CLAMP_TO_EDGE);
  }
}

// A box of a texture, in texels: all of the width, `height` rows from `y` of `planes` planes from `z`.
struct Rows {
  std::int64_t y{0}, z{0}, height{1}, planes{1};
};

void copy_rows(const TextureKind& kind, const Rows& rows, const void* from) {
  const TexelFormat format = texel_format(kind.dtype);
  const auto width = static_cast<GLsizei>(kind.shape[2]);
  const auto height = static_cast<GLsizei>(rows.height);
  const auto y = static_cast<GLint>(rows.y);
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  if (kind.is_volume) {
    glTexSubImage3D(GL_TEXTURE_3D, 0, 0, y, static_cast<GLint>(rows.z), width, height,
                    static_cast<GLsizei>(rows.planes), format.format, format.type, from);
  } else {
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, y, width, height, format.format, format.type, from);
  }
}

// Some drivers take memory when it is written to and not when it is asked for.
void touch(const TextureKind& kind) {
  const std::vector<std::byte> row(static_cast<std::size_t>(kind.shape[2]) * sizeof(float));
  copy_rows(kind, {}, row.data());
}

// Those given, then the largest of each 8 x 8 x 8 of them.
std::vector<float> with_coarse(const data::BrickMaxima& bricks) {
  const BrickShapes shapes = brick_shapes(bricks);
  const auto& c = shapes.coarse;
  std::vector<float> all = bricks.max;
  all.resize(bricks.max.size() + static_cast<std::size_t>(c[0] * c[1] * c[2]),
             -std::numeric_limits<float>::infinity());
  float* const coarse = all.data() + bricks.max.size();
  std::size_t at = 0;
  for (std::int64_t z = 0; z < bricks.shape[0]; ++z) {
    for (std::int64_t y = 0; y < bricks.shape[1]; ++y) {
      float* const row = coarse + (z / data::kBrickEdge * c[1] + y / data::kBrickEdge) * c[2];
      for (std::int64_t x = 0; x < bricks.shape[2]; ++x, ++at) {
        row[x / data::kBrickEdge] = std::max(row[x / data::kBrickEdge], all[at]);
      }
    }
  }
  return all;
}

gstx::Result<void> make_view(BlockTexture& made) {
  const GLenum format = texel_format(made.kind.dtype).filterable;
  made.filtered = GlTexture::make();
  glTextureView(made.filtered.get(), GL_TEXTURE_3D, made.texture.get(), format, 0, 1, 0, 1);
  glBindTexture(GL_TEXTURE_3D, made.filtered.get());
  set_parameters(GL_TEXTURE_3D, GL_LINEAR);
  return check_gl(made.kind, "making a view to filter");
}

}  // namespace

std::size_t TextureKind::bytes() const {
  return static_cast<std::size_t>(shape[0] * shape[1] * shape[2]) * texel_bytes(dtype);
}

TextureKind texture_kind(const VoxelBlock& block, bool is_volume) {
  const auto stored = block.dtype == data::DType::f64 ? data::DType::f32 : block.dtype;
  return {.is_volume = is_volume, .dtype = stored, .shape = block.shape};
}

BrickShapes brick_shapes(const data::BrickMaxima& bricks) {
  BrickShapes shapes{.bricks = bricks.shape};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    shapes.coarse[axis] = (bricks.shape[axis] + data::kBrickEdge - 1) / data::kBrickEdge;
  }
  return shapes;
}

std::size_t brick_bytes(const data::BrickMaxima& bricks) {
  const auto& coarse = brick_shapes(bricks).coarse;
  return (bricks.max.size() + static_cast<std::size_t>(coarse[0] * coarse[1] * coarse[2])) *
         sizeof(float);
}

gstx::Result<void> check_block(const VoxelBlock& block, bool is_volume, const GlLimits& limits) {
  const auto& s = block.shape;
  if (block.voxels == nullptr || s[0] < 1 || s[1] < 1 || s[2] < 1) {
    return gstx::fail(
        ErrorCode::invalid_argument,
        fmt::format("block {} of {} x {} x {} has no voxels", block.id, s[0], s[1], s[2]));
  }
  if (!is_volume && s[0] != 1) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("block {} of a plane has {} planes", block.id, s[0]));
  }
  const int edge = is_volume ? limits.volume_edge_voxels : limits.texture_edge_px;
  if (s[0] > edge || s[1] > edge || s[2] > edge) {
    return gstx::fail(
        ErrorCode::unsupported,
        fmt::format("{} of {} x {} x {} exceeds this device's largest texture, {} along an edge",
                    is_volume ? "a volume" : "a plane", s[0], s[1], s[2], edge));
  }
  return {};
}

gstx::Result<void> check_bricks(const VoxelBlock& block, const data::BrickMaxima& bricks,
                                const GlLimits& limits) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t wanted = (block.shape[axis] + data::kBrickEdge - 1) / data::kBrickEdge;
    if (bricks.shape[axis] != wanted) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("block {} has {} bricks along axis {}, not {}", block.id,
                                    bricks.shape[axis], axis, wanted));
    }
  }
  if (std::cmp_not_equal(bricks.max.size(), bricks.shape[0] * bricks.shape[1] * bricks.shape[2])) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("block {} has {} brick maxima, which is the wrong number",
                                  block.id, bricks.max.size()));
  }
  if (brick_bytes(bricks) <= limits.storage_bytes) return {};
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("block {} has brick maxima of {} bytes, and a storage buffer "
                                "of this device holds {}",
                                block.id, brick_bytes(bricks), limits.storage_bytes));
}

gstx::Result<BlockTexture> make_block_texture(const TextureKind& kind) {
  const GLenum target = target_of(kind);
  const GLenum internal = texel_format(kind.dtype).internal;
  const auto width = static_cast<GLsizei>(kind.shape[2]);
  const auto height = static_cast<GLsizei>(kind.shape[1]);
  BlockTexture made{.kind = kind};
  made.texture = GlTexture::make();
  glBindTexture(target, made.texture.get());
  if (kind.is_volume) {
    glTexStorage3D(target, 1, internal, width, height, static_cast<GLsizei>(kind.shape[0]));
  } else {
    glTexStorage2D(target, 1, internal, width, height);
  }
  GSTX_TRY(check_gl(kind, "making a texture"));
  set_parameters(target, GL_NEAREST);  // integer textures have no other
  touch(kind);
  GSTX_TRY(check_gl(kind, "taking memory"));
  if (kind.is_volume && is_filterable(kind.dtype)) GSTX_TRY(make_view(made));
  return made;
}

gstx::Result<std::int64_t> upload_rows(const VoxelBlock& block, std::int64_t rows_done,
                                       UploadRing& ring, BlockTexture& to) {
  const auto& [depth, height, width] = block.shape;
  Rows rows{.y = rows_done % height, .z = rows_done / height};
  const auto slot_rows = static_cast<std::int64_t>(
      ring.slot_bytes() / (static_cast<std::size_t>(width) * texel_bytes(block.dtype)));
  rows.height = std::max<std::int64_t>(1, slot_rows);
  if (rows.y == 0 && rows.height >= height) {
    rows.planes = std::min(rows.height / height, depth - rows.z);
    rows.height = height;
  } else {
    rows.height = std::min(rows.height, height - rows.y);
  }
  const std::int64_t count = rows.planes * rows.height;
  const auto row_bytes = width * static_cast<std::int64_t>(data::byte_size(block.dtype));
  const std::span voxels(block.voxels.get() + rows_done * row_bytes,
                         static_cast<std::size_t>(count * row_bytes));
  GSTX_TRY(ring.pass(block.dtype, voxels, [&](const void* offset) {
    glBindTexture(target_of(to.kind), to.texture.get());
    copy_rows(to.kind, rows, offset);
  }));
  GSTX_TRY(check_gl(to.kind, "uploading voxels"));
  return count;
}

gstx::Result<void> upload_bricks(const std::shared_ptr<const data::BrickMaxima>& bricks,
                                 BlockTexture& to) {
  const std::vector<float> maxima = with_coarse(*bricks);
  to.brick_buffer = GlBuffer::make();
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, to.brick_buffer.get());
  glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(maxima.size() * sizeof(float)),
               maxima.data(), GL_STATIC_DRAW);
  to.bricks = bricks;
  return check_gl(to.kind, "uploading brick maxima");
}

}  // namespace napari::engine
