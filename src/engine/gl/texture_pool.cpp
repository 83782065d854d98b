#include "engine/gl/texture_pool.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "data/core_budget.hpp"
#include "engine/gl/gl_fence.hpp"
#include "engine/gl/texel_format.hpp"

namespace napari::engine {
namespace {

using data::VoxelBlock;
using gstx::ErrorCode;

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Left to frames, to the driver and to what others start meanwhile.
constexpr std::size_t kMarginBytes = 256 * kMiB;
constexpr std::chrono::milliseconds kAskAgain{250};

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

void set_parameters(GLenum target, GLint filter) {
  glTexParameteri(target, GL_TEXTURE_MIN_FILTER, filter);
  glTexParameteri(target, GL_TEXTURE_MAG_FILTER, filter);
  for (const GLenum axis : {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R}) {
    glTexParameteri(target, axis, GL_CLAMP_TO_EDGE);
  }
}

std::string free_text(const std::optional<std::size_t>& bytes) {
  return bytes ? fmt::format("{} bytes are free", *bytes)
               : std::string("the device does not say how much is free");
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

}  // namespace

BrickShapes brick_shapes(const data::BrickMaxima& bricks) {
  BrickShapes shapes{.bricks = bricks.shape};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    shapes.coarse[axis] = (bricks.shape[axis] + data::kBrickEdge - 1) / data::kBrickEdge;
  }
  return shapes;
}

std::size_t texture_budget(const GlContext& context, const GlDrawerOptions& options) {
  if (options.vram_budget_bytes > 0) return static_cast<std::size_t>(options.vram_budget_bytes);
  std::size_t memory = context.limits().memory_bytes;
  if (memory == 0) memory = (context.info().software ? 2048 : 4096) * kMiB;
  const double share = std::clamp(options.vram_budget_percent, 1.0, 90.0) / 100;
  return static_cast<std::size_t>(share * static_cast<double>(memory));
}

TexturePool::TexturePool(Params params)
    : params_(std::move(params)),
      ring_(params_.limits, params_.software, copy_threads(data::core_budget().usable)) {}

gstx::Result<GLuint> TexturePool::plane(const VoxelBlock& block, const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(const Entry* const entry, ready(block, false, stop));
  return entry->texture.get();
}

gstx::Result<GLuint> TexturePool::volume(const VoxelBlock& block, const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(const Entry* const entry, ready(block, true, stop));
  return entry->texture.get();
}

gstx::Result<GLuint> TexturePool::filtered_volume(const VoxelBlock& block,
                                                  const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(Entry* const entry, ready(block, true, stop));
  if (entry->filtered) return entry->filtered.get();
  const GLenum format = texel_format(block.dtype).filterable;
  GlTexture view = GlTexture::make();
  glTextureView(view.get(), GL_TEXTURE_3D, entry->texture.get(), format, 0, 1, 0, 1);
  if (const GLenum error = glGetError(); error != GL_NO_ERROR) {
    return gstx::fail(ErrorCode::internal,
                      fmt::format("no view of block {} to filter, in format {:#x}: GL error {:#x}",
                                  block.id, format, error));
  }
  glBindTexture(GL_TEXTURE_3D, view.get());
  set_parameters(GL_TEXTURE_3D, GL_LINEAR);
  entry->filtered = std::move(view);
  return entry->filtered.get();
}

gstx::Result<TexturePool::Entry*> TexturePool::ready(const VoxelBlock& block, bool is_volume,
                                                     const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(Entry* const entry, find_or_make(block, is_volume));
  const std::int64_t rows = block.shape[0] * block.shape[1];
  if (entry->rows_done == rows) return entry;
  while (entry->rows_done < rows) {
    if (stop.stop_requested()) {
      return gstx::fail(ErrorCode::unavailable, "drawing was stopped while uploading");
    }
    GSTX_TRY(upload_slab(*entry, block));
  }
  ++stats_.uploads;
  return entry;
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
  GSTX_TRY(check_block(block, is_volume, params_.limits));
  Entry entry{.id = block.id, .is_volume = is_volume};
  entry.bytes = static_cast<std::size_t>(block.shape[0] * block.shape[1] * block.shape[2]) *
                texel_bytes(block.dtype);
  if (entry.bytes > params_.budget_bytes) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("a texture of {} bytes exceeds the texture budget of {} bytes",
                                  entry.bytes, params_.budget_bytes));
  }
  std::size_t room = room_bytes(entry.bytes);
  if (entry.bytes > room) {
    GSTX_TRY(finish_gpu("freeing textures"));  // what was deleted lately may not have been counted
    room = room_bytes(entry.bytes);
  }
  if (entry.bytes > room) {
    return gstx::fail(ErrorCode::unavailable,
                      fmt::format("a texture of {} bytes does not fit: {}, and {} are textures "
                                  "that can be dropped",
                                  entry.bytes, free_text(free_bytes()), stats_.bytes));
  }
  make_room(entry.bytes, room, block.id);
  GSTX_TRY(make_storage(block, entry));
  stats_.bytes += entry.bytes;
  entries_.push_front(std::move(entry));
  index_[block.id] = entries_.begin();
  stats_.textures = entries_.size();
  return &entries_.front();
}

gstx::Result<void> TexturePool::make_storage(const VoxelBlock& block, Entry& entry) {
  const GLenum target = entry.is_volume ? GL_TEXTURE_3D : GL_TEXTURE_2D;
  const auto try_make = [&] {
    entry.texture = GlTexture::make();
    const GLenum internal = texel_format(block.dtype).internal;
    const auto width = static_cast<GLsizei>(block.shape[2]);
    const auto height = static_cast<GLsizei>(block.shape[1]);
    glBindTexture(target, entry.texture.get());
    if (entry.is_volume) {
      glTexStorage3D(target, 1, internal, width, height, static_cast<GLsizei>(block.shape[0]));
    } else {
      glTexStorage2D(target, 1, internal, width, height);
    }
    return glGetError();
  };
  GLenum error = try_make();
  if (error == GL_OUT_OF_MEMORY) {
    // GL keeps a deleted texture until the dispatches that read it are done.
    make_room(0, 0, block.id);
    GSTX_TRY(finish_gpu("freeing textures"));
    error = try_make();
  }
  if (error != GL_NO_ERROR) {
    return gstx::fail(
        ErrorCode::unavailable,
        fmt::format("no texture of {} bytes: {}, {}", entry.bytes,
                    error == GL_OUT_OF_MEMORY ? std::string("the GPU is out of memory")
                                              : fmt::format("GL error {:#x}", error),
                    free_text(free_bytes())));
  }
  set_parameters(target, GL_NEAREST);  // integer textures have no other
  return {};
}

gstx::Result<void> TexturePool::upload_slab(Entry& entry, const VoxelBlock& block) {
  const std::int64_t height = block.shape[1];
  const std::int64_t width = block.shape[2];
  const std::int64_t y = entry.rows_done % height;
  const std::int64_t z = entry.rows_done / height;
  const auto slot_rows = static_cast<std::int64_t>(
      ring_.slot_bytes() / (static_cast<std::size_t>(width) * texel_bytes(block.dtype)));
  std::int64_t rows = std::max<std::int64_t>(1, slot_rows);
  std::int64_t planes = 1;
  if (y == 0 && rows >= height) {
    planes = std::min(rows / height, block.shape[0] - z);
    rows = height;
  } else {
    rows = std::min(rows, height - y);
  }
  const auto row_bytes = width * static_cast<std::int64_t>(data::byte_size(block.dtype));
  const std::span voxels(block.voxels.get() + entry.rows_done * row_bytes,
                         static_cast<std::size_t>(planes * rows * row_bytes));
  const TexelFormat format = texel_format(block.dtype);
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  const auto w = static_cast<GLsizei>(width);
  const auto h = static_cast<GLsizei>(rows);
  GSTX_TRY(ring_.pass(block.dtype, voxels, [&](const void* offset) {
    if (entry.is_volume) {
      glBindTexture(GL_TEXTURE_3D, entry.texture.get());
      glTexSubImage3D(GL_TEXTURE_3D, 0, 0, static_cast<GLint>(y), static_cast<GLint>(z), w, h,
                      static_cast<GLsizei>(planes), format.format, format.type, offset);
    } else {
      glBindTexture(GL_TEXTURE_2D, entry.texture.get());
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, static_cast<GLint>(y), w, h, format.format, format.type,
                      offset);
    }
  }));
  entry.rows_done += planes * rows;
  return {};
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
  if (std::cmp_not_equal(bricks->max.size(),
                         bricks->shape[0] * bricks->shape[1] * bricks->shape[2])) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("block {} has {} brick maxima, which is the wrong number",
                                  block.id, bricks->max.size()));
  }
  const std::vector<float> maxima = with_coarse(*bricks);
  const std::size_t bytes = maxima.size() * sizeof(float);
  if (bytes > params_.limits.storage_bytes) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("block {} has brick maxima of {} bytes, and a storage buffer "
                                  "of this device holds {}",
                                  block.id, bytes, params_.limits.storage_bytes));
  }
  make_room(bytes, room_bytes(entry.bytes + bytes), block.id);
  entry.brick_buffer = GlBuffer::make();
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, entry.brick_buffer.get());
  glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(bytes), maxima.data(),
               GL_STATIC_DRAW);
  entry.bricks = bricks;
  entry.bytes += bytes - entry.brick_bytes;
  stats_.bytes += bytes - entry.brick_bytes;
  entry.brick_bytes = bytes;
  return entry.brick_buffer.get();
}

std::optional<std::size_t> TexturePool::free_bytes() const {
  return params_.free_bytes ? params_.free_bytes() : std::nullopt;
}

std::size_t TexturePool::room_bytes(std::size_t wanted) {
  // Drivers take their time to answer, and a plane may bring many small textures.
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ > kAskAgain || (reachable_bytes_ && *reachable_bytes_ < wanted)) {
    const auto free = free_bytes();
    asked_ = now;
    reachable_bytes_.reset();
    if (free) reachable_bytes_ = stats_.bytes + (*free - std::min(*free, kMarginBytes));
  }
  return std::min(params_.budget_bytes, reachable_bytes_.value_or(params_.budget_bytes));
}

void TexturePool::make_room(std::size_t bytes, std::size_t room, std::uint64_t keep_id) {
  for (auto last = entries_.end(); stats_.bytes + bytes > room && last != entries_.begin();) {
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
