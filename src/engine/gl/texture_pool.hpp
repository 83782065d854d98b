// Textures of voxel blocks, keyed by block id and bounded in bytes; the one longest unused goes first. Native dtypes, but
// f64 becomes f32 (docs/drawing.md draws in single precision). Uploads go slab by slab through an UploadRing, which the GPU empties
// while others are drawn, and may be stopped; the next call goes on where they stopped, so that a view that is redrawn all the
// time still gets its volume. Threads: [gl]. Ownership: owns the textures; keeps no voxel memory alive.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl/gl_objects.hpp"
#include "engine/gl/upload_ring.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct PoolStats {
  std::size_t bytes{0};
  std::size_t textures{0};
  std::uint64_t uploads{0};  // finished
  std::uint64_t evictions{0};
};

// What is bound with brick maxima (mip.comp): those given, then those of 8 x 8 x 8 of them.
struct BrickShapes {
  std::array<std::int64_t, 3> bricks{};
  std::array<std::int64_t, 3> coarse{};
};
[[nodiscard]] BrickShapes brick_shapes(const data::BrickMaxima& bricks);

// The bytes that textures may take on this device: as asked for, else a share of its memory, else (it does not say how much it
// has) a share of 4 GiB, or of 2 GiB where the CPU draws.
[[nodiscard]] std::size_t texture_budget(const GlContext& context, const GlDrawerOptions& options);

class TexturePool {
 public:
  // `free_bytes`: what the device has left at the moment, as GlContext::free_memory_bytes. The pool keeps to its budget and
  // leaves something free besides, since others share the device.
  using FreeBytes = std::function<std::optional<std::size_t>()>;
  struct Params {
    GlLimits limits;
    bool software{false};
    std::size_t budget_bytes{0};
    FreeBytes free_bytes;
  };
  explicit TexturePool(Params params);
  TexturePool(const TexturePool&) = delete;
  TexturePool& operator=(const TexturePool&) = delete;

  // What the first upload would have to wait for otherwise.
  [[nodiscard]] gstx::Result<void> warm_up() { return ring_.prepare(); }

  // The 2-D texture of a plane or the 3-D texture of a volume; valid until the next call. Refuses what the device or the
  // budget cannot hold (`unsupported`) or cannot hold now (`unavailable`), naming the figures.
  [[nodiscard]] gstx::Result<GLuint> plane(const data::VoxelBlock& block,
                                           const std::stop_token& stop);
  [[nodiscard]] gstx::Result<GLuint> volume(const data::VoxelBlock& block,
                                            const std::stop_token& stop);
  // The same voxels as normalised numbers that the texture unit interpolates, for a dtype that is_filterable.
  [[nodiscard]] gstx::Result<GLuint> filtered_volume(const data::VoxelBlock& block,
                                                     const std::stop_token& stop);
  // A storage buffer with the brick maxima of `block`, as brick_shapes says.
  [[nodiscard]] gstx::Result<GLuint> bricks(const data::VoxelBlock& block,
                                            const std::shared_ptr<const data::BrickMaxima>& bricks);
  [[nodiscard]] const PoolStats& stats() const { return stats_; }
  void clear();

 private:
  struct Entry {
    std::uint64_t id{0};
    bool is_volume{false};
    GlTexture texture;
    GlTexture filtered;  // a view of `texture`
    std::size_t bytes{0};
    std::int64_t rows_done{0};                        // of shape[0] * shape[1]
    std::shared_ptr<const data::BrickMaxima> bricks;  // what brick_buffer holds
    std::size_t brick_bytes{0};
    GlBuffer brick_buffer;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] gstx::Result<Entry*> ready(const data::VoxelBlock& block, bool is_volume,
                                           const std::stop_token& stop);
  [[nodiscard]] gstx::Result<Entry*> find_or_make(const data::VoxelBlock& block, bool is_volume);
  [[nodiscard]] gstx::Result<void> make_storage(const data::VoxelBlock& block, Entry& entry);
  [[nodiscard]] gstx::Result<void> upload_slab(Entry& entry, const data::VoxelBlock& block);
  [[nodiscard]] std::optional<std::size_t> free_bytes() const;
  // What the pool may have in all. Asks the device anew where the last answer is old or gives less than `wanted`.
  [[nodiscard]] std::size_t room_bytes(std::size_t wanted);
  void make_room(std::size_t bytes, std::size_t room, std::uint64_t keep_id);
  void erase(Entries::iterator entry);

  Params params_;
  UploadRing ring_;
  Entries entries_;  // most recently used first
  std::unordered_map<std::uint64_t, Entries::iterator> index_;
  PoolStats stats_;
  std::optional<std::size_t> reachable_bytes_;  // ours and what was free besides
  std::chrono::steady_clock::time_point asked_{};
};

}  // namespace napari::engine
