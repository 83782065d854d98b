#include "engine/gl/texture_pool.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace napari::engine {
namespace {

using data::DType;
using data::VoxelBlock;
using gstx::ErrorCode;

// A slab is what is uploaded between two looks at the stop token: about a millisecond.
constexpr std::int64_t kSlabBytes = std::int64_t{4} << 20;

struct TexelFormat {
  GLenum internal;
  GLenum format;
  GLenum type;
};

TexelFormat texel_format(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return {GL_R8UI, GL_RED_INTEGER, GL_UNSIGNED_BYTE};
    case DType::u16:
      return {GL_R16UI, GL_RED_INTEGER, GL_UNSIGNED_SHORT};
    case DType::u32:
      return {GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT};
    case DType::i8:
      return {GL_R8I, GL_RED_INTEGER, GL_BYTE};
    case DType::i16:
      return {GL_R16I, GL_RED_INTEGER, GL_SHORT};
    case DType::i32:
      return {GL_R32I, GL_RED_INTEGER, GL_INT};
    case DType::f32:
    case DType::f64:
      break;
  }
  return {GL_R32F, GL_RED, GL_FLOAT};
}

std::size_t texel_bytes(DType dtype) { return std::min<std::size_t>(data::byte_size(dtype), 4); }

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

void set_parameters(GLenum target) {
  glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);  // integer textures have no other
  glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
}

}  // namespace

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

gstx::Result<GLuint> TexturePool::plane(const VoxelBlock& block, const std::stop_token& stop) {
  return ready(block, false, stop);
}

gstx::Result<GLuint> TexturePool::volume(const VoxelBlock& block, const std::stop_token& stop) {
  return ready(block, true, stop);
}

gstx::Result<GLuint> TexturePool::ready(const VoxelBlock& block, bool is_volume,
                                        const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(Entry* const entry, find_or_make(block, is_volume));
  const std::int64_t rows = block.shape[0] * block.shape[1];
  if (entry->rows_done < rows) {
    while (entry->rows_done < rows) {
      if (stop.stop_requested()) {
        return gstx::fail(ErrorCode::unavailable, "drawing was stopped while uploading");
      }
      upload_slab(*entry, block);
    }
    ++stats_.uploads;
  }
  return entry->texture.get();
}

gstx::Result<TexturePool::Entry*> TexturePool::find_or_make(const VoxelBlock& block,
                                                            bool is_volume) {
  if (const auto found = index_.find(block.id); found != index_.end()) {
    if (found->second->is_volume == is_volume) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return &entries_.front();
    }
    erase(found->second);  // a one-plane block that was drawn the other way
  }
  GSTX_TRY(check_block(block, is_volume, limits_));
  const std::size_t bytes =
      static_cast<std::size_t>(block.shape[0] * block.shape[1] * block.shape[2]) *
      texel_bytes(block.dtype);
  if (bytes > budget_bytes_) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("a texture of {} bytes exceeds the texture budget of {} bytes",
                                  bytes, budget_bytes_));
  }
  make_room(bytes, block.id);
  Entry entry{.id = block.id, .is_volume = is_volume, .texture = GlTexture::make(), .bytes = bytes};
  const GLenum target = is_volume ? GL_TEXTURE_3D : GL_TEXTURE_2D;
  const GLenum internal = texel_format(block.dtype).internal;
  const auto width = static_cast<GLsizei>(block.shape[2]);
  const auto height = static_cast<GLsizei>(block.shape[1]);
  glBindTexture(target, entry.texture.get());
  if (is_volume) {
    glTexStorage3D(target, 1, internal, width, height, static_cast<GLsizei>(block.shape[0]));
  } else {
    glTexStorage2D(target, 1, internal, width, height);
  }
  if (const GLenum error = glGetError(); error != GL_NO_ERROR) {
    return gstx::fail(ErrorCode::unavailable,
                      fmt::format("no texture of {} bytes: GL error {:#x}{}", bytes, error,
                                  error == GL_OUT_OF_MEMORY ? ", out of memory" : ""));
  }
  set_parameters(target);
  entries_.push_front(std::move(entry));
  index_[block.id] = entries_.begin();
  stats_.bytes += bytes;
  stats_.textures = entries_.size();
  return &entries_.front();
}

void TexturePool::upload_slab(Entry& entry, const VoxelBlock& block) {
  const std::int64_t height = block.shape[1];
  const std::int64_t width = block.shape[2];
  const auto voxel_bytes = static_cast<std::int64_t>(data::byte_size(block.dtype));
  const std::int64_t y = entry.rows_done % height;
  const std::int64_t z = entry.rows_done / height;
  std::int64_t rows = std::max<std::int64_t>(1, kSlabBytes / (width * voxel_bytes));
  std::int64_t planes = 1;
  if (y == 0 && rows >= height) {
    planes = std::min(rows / height, block.shape[0] - z);
    rows = height;
  } else {
    rows = std::min(rows, height - y);
  }
  const std::byte* source = block.voxels.get() + entry.rows_done * width * voxel_bytes;
  if (block.dtype == DType::f64) {
    converted_.resize(static_cast<std::size_t>(planes * rows * width));
    for (std::size_t i = 0; i < converted_.size(); ++i) {
      double value = 0;
      std::memcpy(&value, source + i * sizeof(double), sizeof(double));
      converted_[i] = static_cast<float>(value);
    }
    source = reinterpret_cast<const std::byte*>(converted_.data());
  }
  const TexelFormat format = texel_format(block.dtype);
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  const auto w = static_cast<GLsizei>(width);
  const auto h = static_cast<GLsizei>(rows);
  if (entry.is_volume) {
    glBindTexture(GL_TEXTURE_3D, entry.texture.get());
    glTexSubImage3D(GL_TEXTURE_3D, 0, 0, static_cast<GLint>(y), static_cast<GLint>(z), w, h,
                    static_cast<GLsizei>(planes), format.format, format.type, source);
  } else {
    glBindTexture(GL_TEXTURE_2D, entry.texture.get());
    glTexSubImage2D(GL_TEXTURE_2D, 0, 0, static_cast<GLint>(y), w, h, format.format, format.type,
                    source);
  }
  entry.rows_done += planes * rows;
}

gstx::Result<GLuint> TexturePool::bricks(const VoxelBlock& block,
                                         const std::shared_ptr<const data::BrickMaxima>& bricks) {
  const auto found = index_.find(block.id);
  if (found == index_.end()) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("block {} has no texture yet", block.id));
  }
  Entry& entry = *found->second;
  if (entry.bricks == bricks) return entry.brick_buffer.get();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t wanted = (block.shape[axis] + data::kBrickEdge - 1) / data::kBrickEdge;
    if (bricks->shape[axis] != wanted) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("block {} has {} bricks along axis {}, not {}", block.id,
                                    bricks->shape[axis], axis, wanted));
    }
  }
  const std::size_t bytes = bricks->max.size() * sizeof(float);
  if (std::cmp_not_equal(bricks->max.size(),
                         bricks->shape[0] * bricks->shape[1] * bricks->shape[2]) ||
      bytes > limits_.storage_bytes) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("block {} has {} brick maxima, which is the wrong number or more "
                                  "than a storage buffer holds",
                                  block.id, bricks->max.size()));
  }
  make_room(bytes, block.id);
  const std::size_t before = entry.bricks != nullptr ? entry.bricks->max.size() * sizeof(float) : 0;
  entry.brick_buffer = GlBuffer::make();
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, entry.brick_buffer.get());
  glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(bytes), bricks->max.data(),
               GL_STATIC_DRAW);
  entry.bricks = bricks;
  entry.bytes += bytes - before;
  stats_.bytes += bytes - before;
  return entry.brick_buffer.get();
}

void TexturePool::make_room(std::size_t bytes, std::uint64_t keep_id) {
  // GL keeps a deleted texture until the dispatches that read it are done.
  for (auto last = entries_.end();
       stats_.bytes + bytes > budget_bytes_ && last != entries_.begin();) {
    --last;
    if (last->id == keep_id) continue;
    erase(last);
    ++stats_.evictions;
    last = entries_.end();
  }
}

void TexturePool::erase(Entries::iterator entry) {
  stats_.bytes -= entry->bytes;
  index_.erase(entry->id);
  entries_.erase(entry);
  stats_.textures = entries_.size();
}

void TexturePool::clear() {
  entries_.clear();
  index_.clear();
  stats_.bytes = 0;
  stats_.textures = 0;
}

}  // namespace napari::engine
