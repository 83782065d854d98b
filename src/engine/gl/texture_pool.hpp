// Textures of voxel blocks, keyed by block id and bounded in bytes; the one longest unused goes first, and its texture to the next
// block of its kind. Blocks are uploaded by a GlUploader: an upload may be waited for, or looked at again with the next picture, and
// goes on meanwhile. Threads: as tagged; [gl] where there is no tag. Ownership: owns the textures; keeps no voxel memory alive but
// that of blocks that are still to be uploaded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <unordered_map>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/gl/block_texture.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl/gl_uploader.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct PoolStats {
  std::size_t bytes{0};
  std::size_t textures{0};
  std::uint64_t uploads{0};  // finished
  std::uint64_t evictions{0};
  std::uint64_t recycled{0};  // textures that another block was put into
};

// The bytes that textures may take on this device: as asked for, else a share of its memory, else (it does not say how much it
// has) a share of 4 GiB, or of 2 GiB where the CPU draws.
[[nodiscard]] std::size_t texture_budget(const GlContext& context, const GlDrawerOptions& options);

// A block that a picture is made of.
struct PoolBlock {
  data::VoxelBlockPtr block;
  bool is_volume{false};
  std::shared_ptr<const data::BrickMaxima> bricks;  // uploaded with it; may be null
};

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
    std::shared_ptr<GlContext> upload_context;  // as GlUploader::Params::context
  };
  explicit TexturePool(Params params);
  ~TexturePool();
  TexturePool(const TexturePool&) = delete;
  TexturePool& operator=(const TexturePool&) = delete;

  // What the first upload would have to wait for otherwise.
  [[nodiscard]] gstx::Result<void> warm_up() { return uploader_.warm_up(); }

  // Starts a picture: no other blocks are wanted now.
  void want(const std::vector<PoolBlock>& blocks, PictureFor whom);
  // Starts uploads of the first of these, as far as they fit without dropping what the picture wants, and returns those of all
  // that are still coming.
  [[nodiscard]] std::vector<UploadPtr> start(std::span<const PoolBlock> blocks);
  // Whether a picture may be drawn without it for now, since it is being uploaded. The uploader's listener is told when it ends.
  [[nodiscard]] bool is_coming(const data::VoxelBlock& block, bool is_volume);
  [[nodiscard]] bool is_resident(std::uint64_t block_id) const;

  // The 2-D texture of a plane or the 3-D texture of a volume; valid until the next call. Waits for it. Refuses what the device or
  // the budget cannot hold (`unsupported`) or cannot hold now (`unavailable`), naming the figures.
  [[nodiscard]] gstx::Result<GLuint> plane(const data::VoxelBlockPtr& block,
                                           const std::stop_token& stop);
  [[nodiscard]] gstx::Result<GLuint> volume(const data::VoxelBlockPtr& block,
                                            const std::stop_token& stop);
  // The same voxels as normalised numbers that the texture unit interpolates, for a dtype that is_filterable.
  [[nodiscard]] gstx::Result<GLuint> filtered_volume(const data::VoxelBlockPtr& block,
                                                     const std::stop_token& stop);
  // A storage buffer with the brick maxima of `block`, as brick_shapes says.
  [[nodiscard]] gstx::Result<GLuint> bricks(const data::VoxelBlock& block,
                                            const std::shared_ptr<const data::BrickMaxima>& bricks);
  [[nodiscard]] const PoolStats& stats() const { return stats_; }
  [[nodiscard]] GlUploader& uploader() { return uploader_; }  // [any]
  void clear();

 private:
  struct Entry {
    std::uint64_t id{0};
    std::weak_ptr<const data::VoxelBlock> block;
    TextureKind kind;
    BlockTexture texture;  // empty while `upload` is there
    UploadPtr upload;      // null: resident
    std::size_t bytes{0};
    std::size_t brick_bytes{0};
    std::uint64_t picture{0};  // that wanted it last
  };
  using Entries = std::list<Entry>;
  // Whether what this picture wants may be dropped to make room.
  enum class Need : std::uint8_t { at_leisure, now };

  [[nodiscard]] gstx::Result<Entry*> ready(const PoolBlock& wanted, const std::stop_token& stop);
  // Null: there is no room or no place in the queue for what is needed at leisure.
  [[nodiscard]] gstx::Result<Entry*> find_or_start(const PoolBlock& wanted, Need need,
                                                   const std::stop_token& stop);
  [[nodiscard]] Entry* find(std::uint64_t block_id, bool is_volume);
  [[nodiscard]] gstx::Result<std::size_t> room_for(std::size_t bytes);
  [[nodiscard]] gstx::Result<Upload::Outcome> settle(Entry& entry);
  void settle_ended();
  void drop_orphans();
  [[nodiscard]] bool may_have_spare(const TextureKind& kind) const;
  void prepare_spare(const TextureKind& kind);
  [[nodiscard]] std::optional<std::size_t> free_bytes() const;
  // What the pool may have in all. Asks the device anew where the last answer is old or gives less than `wanted`.
  [[nodiscard]] std::size_t room_bytes(std::size_t wanted);
  // Whether `bytes` more fit into `room` beside what this picture wants.
  [[nodiscard]] bool can_make_room(std::size_t bytes, std::size_t room) const;
  // Drops until `bytes` more fit into `room`, but not `keep_id`; the first texture of `kind` among it is handed back.
  [[nodiscard]] BlockTexture make_room(std::size_t bytes, std::size_t room, std::uint64_t keep_id,
                                       const TextureKind* kind);
  void let_go(BlockTexture texture);
  void erase(Entries::iterator entry);

  Params params_;
  GlUploader uploader_;
  Entries entries_;  // most recently used first
  std::unordered_map<std::uint64_t, Entries::iterator> index_;
  PoolStats stats_;
  std::uint64_t picture_{0};
  std::size_t coming_bytes_{0};  // of stats_.bytes; the GPU may not yet have given them
  std::optional<std::size_t> reachable_bytes_;  // ours and what was free besides
  std::chrono::steady_clock::time_point asked_{};
};

}  // namespace napari::engine
