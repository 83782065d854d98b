// Brings voxel blocks into textures on a thread with a context of its own ("gl-upload", sharing with the one that draws), so that
// neither the driver taking memory nor the copying of voxels holds a picture up; where a driver does not share, on the thread
// that waits. What nobody wants any more is given up between slabs, but never twice in a row: a view that changes faster than its
// volumes arrive would show none. Threads: as tagged; [gl] is the thread of the context that draws. Ownership: keeps blocks
// until they are uploaded or given up; textures go to whoever takes them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/gl/block_texture.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/upload_ring.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// Whom a picture is for: the viewers, who go on looking, or the caller, who reads it once.
enum class PictureFor : std::uint8_t { viewers, caller };

// One block on its way. All but the id is GlUploader's, under its lock.
class Upload {
 public:
  enum class Outcome : std::uint8_t { coming, resident, given_up, failed };
  explicit Upload(std::uint64_t block_id) : id_(block_id) {}
  [[nodiscard]] std::uint64_t id() const { return id_; }  // [any]

 private:
  friend class GlUploader;
  const std::uint64_t id_;
  Outcome outcome_{Outcome::coming};
  bool wanted_{true};
  bool begun_{false};
  bool abandoned_{false};
  bool awaited_{false};  // listeners are to be told when it ends
  data::VoxelBlockPtr block_;
  std::shared_ptr<const data::BrickMaxima> bricks_;
  BlockTexture texture_;       // of the uploading thread while it is coming
  std::int64_t rows_done_{0};  // of the uploading thread
  gstx::Error error_;
};
using UploadPtr = std::shared_ptr<Upload>;

class GlUploader {
 public:
  static constexpr std::size_t kQueueMax = 16;

  struct Params {
    GlLimits limits;
    bool software{false};
    std::shared_ptr<GlContext> context;  // of the share group; null: the waiting thread uploads
  };
  explicit GlUploader(Params params);  // [gl]
  ~GlUploader();                       // [gl] waits for the slab that is under way
  GlUploader(const GlUploader&) = delete;
  GlUploader& operator=(const GlUploader&) = delete;

  // [gl] What the first upload would have to wait for otherwise.
  [[nodiscard]] gstx::Result<void> warm_up();
  [[nodiscard]] bool has_thread() const { return params_.context != nullptr; }  // [any]

  // [gl] Queues a block that passed check_block. `into`: a texture of its kind, or none.
  [[nodiscard]] UploadPtr start(data::VoxelBlockPtr block, BlockTexture into, bool is_volume,
                                std::shared_ptr<const data::BrickMaxima> bricks);
  [[nodiscard]] bool is_full() const;                             // [any]
  [[nodiscard]] Upload::Outcome outcome(const Upload& of) const;  // [any]
  // [gl] Only these blocks are wanted from now on. A new picture for the viewers ends what tell_of was asked for the last one.
  void want(const std::vector<std::uint64_t>& block_ids, PictureFor whom);
  // [gl] Has the listener told when it ends; false where it has ended.
  [[nodiscard]] bool tell_of(Upload& upload);
  // [any, but gl where there is no thread to upload] False where `stop` came first; the upload goes on then.
  [[nodiscard]] bool wait(const Upload& upload, const std::stop_token& stop);
  [[nodiscard]] bool wait_for_place(const std::stop_token& stop);
  // [gl] The texture of one that has ended, with what it holds where it is resident; the error where it failed.
  [[nodiscard]] gstx::Result<BlockTexture> take(Upload& upload);
  void abandon(Upload& upload);  // [gl] its texture goes

  // A texture made ahead, while nothing is to be uploaded, or left over: there is at most one. [gl]
  void prepare_spare(const TextureKind& kind);
  void keep_spare(BlockTexture texture);
  [[nodiscard]] std::optional<BlockTexture> take_spare(const TextureKind& kind);
  [[nodiscard]] std::size_t spare_bytes() const;
  void drop_spare();

  // [gl] Deletes a texture, in time; `wait_until_deleted` waits for that.
  void discard(BlockTexture texture);
  void wait_until_deleted();

  // [any] Called on the uploading thread when what tell_of named has ended. Null: no more, and none is running any more.
  void listen(std::function<void()> listener);
  [[nodiscard]] bool has_listener() const { return has_listener_.load(); }             // [any]
  [[nodiscard]] std::uint64_t textures_made() const { return textures_made_.load(); }  // [any]

 private:
  struct Turn {
    UploadPtr upload;  // null: nothing to upload
    bool give_up{false};
  };
  void wake();  // [any]
  // What follows is the uploading thread's.
  void take_turns();
  bool pump();  // a step; false where there is nothing to do
  [[nodiscard]] Turn next();
  [[nodiscard]] gstx::Result<bool> step(Upload& upload);  // true: it is resident
  [[nodiscard]] gstx::Result<void> publish(Upload& upload);
  void finish(const UploadPtr& upload, Upload::Outcome outcome, gstx::Error error);
  [[nodiscard]] bool make_spare();
  void empty_trash();

  const Params params_;
  UploadRing ring_;
  std::optional<gstx::Error> lost_;  // of the uploading thread: the GPU will not come back
  std::atomic<std::uint64_t> textures_made_{0};

  mutable std::mutex mutex_;
  std::condition_variable_any ended_;
  std::deque<UploadPtr> queue_;  // under mutex_, as all up to spare_
  bool gave_up_last_{false};
  bool pumping_{false};  // a turn is posted or running
  bool closed_{false};
  std::vector<BlockTexture> trash_;
  std::optional<TextureKind> spare_kind_;
  std::optional<BlockTexture> spare_;

  std::mutex listener_mutex_;  // held while the listener runs
  std::function<void()> listener_;
  std::atomic<bool> has_listener_{false};
};

}  // namespace napari::engine
