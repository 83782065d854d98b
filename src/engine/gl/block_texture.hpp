// The texture of one voxel block and the buffer of its brick maxima: made, filled a slab at a time through an UploadRing, and
// given to another block of the same kind. Native dtypes, but f64 becomes f32 (docs/drawing.md draws in single precision).
// Knows no queue and no budget. Threads: whichever has a context of the share group current; one at a time. Ownership: a
// BlockTexture owns its GL names and is destroyed on such a thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "data/render_plan.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "engine/gl/upload_ring.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// Blocks of one kind fit into each other's textures.
struct TextureKind {
  bool is_volume{false};
  data::DType dtype{data::DType::u8};  // as stored
  std::array<std::int64_t, 3> shape{0, 0, 0};
  bool operator==(const TextureKind&) const = default;
  [[nodiscard]] std::size_t bytes() const;
};
[[nodiscard]] TextureKind texture_kind(const data::VoxelBlock& block, bool is_volume);

// What is bound with brick maxima (mip.comp): those given, then those of 8 x 8 x 8 of them.
struct BrickShapes {
  std::array<std::int64_t, 3> bricks{};
  std::array<std::int64_t, 3> coarse{};
};
[[nodiscard]] BrickShapes brick_shapes(const data::BrickMaxima& bricks);
[[nodiscard]] std::size_t brick_bytes(const data::BrickMaxima& bricks);

struct BlockTexture {
  TextureKind kind;
  GlTexture texture;
  GlTexture
      filtered;  // a view of `texture` that texture units interpolate; volumes of such dtypes have one
  std::shared_ptr<const data::BrickMaxima> bricks;  // what brick_buffer holds
  GlBuffer brick_buffer;
  // Where another context has used it: what this one has to wait for.
  std::unique_ptr<GlFence> settled;
};

// Refuses blocks that are no plane or no volume, or that the device cannot hold.
[[nodiscard]] gstx::Result<void> check_block(const data::VoxelBlock& block, bool is_volume,
                                             const GlLimits& limits);
[[nodiscard]] gstx::Result<void> check_bricks(const data::VoxelBlock& block,
                                              const data::BrickMaxima& bricks,
                                              const GlLimits& limits);

// Takes the memory of the GPU for good, which takes some drivers long. `unavailable` where there is none.
[[nodiscard]] gstx::Result<BlockTexture> make_block_texture(const TextureKind& kind);
// Uploads rows of `block` from row `rows_done` of all (shape[0] * shape[1]) on, as many as a slot takes, and returns how many.
[[nodiscard]] gstx::Result<std::int64_t> upload_rows(const data::VoxelBlock& block,
                                                     std::int64_t rows_done, UploadRing& ring,
                                                     BlockTexture& to);
[[nodiscard]] gstx::Result<void> upload_bricks(
    const std::shared_ptr<const data::BrickMaxima>& bricks, BlockTexture& to);

}  // namespace napari::engine
