// Textures of voxel blocks, keyed by block id and bounded in bytes; the one longest unused goes first. Native dtypes, but
// f64 becomes f32 (docs/drawing.md draws in single precision). Uploads go slab by slab and may be stopped; the
// next call goes on where they stopped, so that a view that is redrawn all the time still gets its volume.
// Threads: [gl]. Ownership: owns the textures; keeps no voxel memory alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// How a shader samples a texture: the prefix of its sampler type.
enum class TexelKind : std::uint8_t { unsigned_integer, signed_integer, floating };
[[nodiscard]] TexelKind texel_kind(data::DType dtype);

struct PoolStats {
  std::size_t bytes{0};
  std::size_t textures{0};
  std::uint64_t uploads{0};  // finished
  std::uint64_t evictions{0};
};

class TexturePool {
 public:
  TexturePool(const GlLimits& limits, std::size_t budget_bytes)
      : limits_(limits), budget_bytes_(budget_bytes) {}
  TexturePool(const TexturePool&) = delete;
  TexturePool& operator=(const TexturePool&) = delete;

  // The 2-D texture of a plane or the 3-D texture of a volume; valid until the next call. Refuses what the device or the
  // budget cannot hold, naming the figures.
  [[nodiscard]] gstx::Result<GLuint> plane(const data::VoxelBlock& block,
                                           const std::stop_token& stop);
  [[nodiscard]] gstx::Result<GLuint> volume(const data::VoxelBlock& block,
                                            const std::stop_token& stop);
  // A storage buffer with the brick maxima of `block`.
  [[nodiscard]] gstx::Result<GLuint> bricks(const data::VoxelBlock& block,
                                            const std::shared_ptr<const data::BrickMaxima>& bricks);
  [[nodiscard]] const PoolStats& stats() const { return stats_; }
  void clear();

 private:
  struct Entry {
    std::uint64_t id{0};
    bool is_volume{false};
    GlTexture texture;
    std::size_t bytes{0};
    std::int64_t rows_done{0};                        // of shape[0] * shape[1]
    std::shared_ptr<const data::BrickMaxima> bricks;  // what brick_buffer holds
    GlBuffer brick_buffer;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] gstx::Result<Entry*> find_or_make(const data::VoxelBlock& block, bool is_volume);
  [[nodiscard]] gstx::Result<GLuint> ready(const data::VoxelBlock& block, bool is_volume,
                                           const std::stop_token& stop);
  void upload_slab(Entry& entry, const data::VoxelBlock& block);
  void make_room(std::size_t bytes, std::uint64_t keep_id);
  void erase(Entries::iterator entry);

  GlLimits limits_;
  std::size_t budget_bytes_;
  Entries entries_;  // most recently used first
  std::unordered_map<std::uint64_t, Entries::iterator> index_;
  std::vector<float> converted_;  // f64 to f32, one slab
  PoolStats stats_;
};

}  // namespace napari::engine
