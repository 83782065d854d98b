// The render thread: takes snapshots and camera commands from anybody, lets the Director decide, and sleeps until an
// input, a block or a deadline. Never reads data: that is the loader's. Owns the thread, the loader and the Director.
// Threads: public methods [any]; the DirectorEvents run on the render thread.
#pragma once

#include <atomic>
#include <memory>

#include "gstx/thread.hpp"
#include "runtime/block_loader.hpp"
#include "runtime/camera_queue.hpp"
#include "runtime/director.hpp"
#include "runtime/frame_clock.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/timer.hpp"

namespace napari::runtime {

struct RenderWorkerConfig {
  DirectorConfig director;
  int loader_threads{2};
};

class RenderWorker {
 public:
  // `want` of the events is taken by the loader. `clock` outlives the worker.
  RenderWorker(RenderWorkerConfig config, DirectorEvents events, const Clock& clock);
  ~RenderWorker();  // cancels reads, joins the loader, then the render thread
  RenderWorker(const RenderWorker&) = delete;
  RenderWorker& operator=(const RenderWorker&) = delete;

  void apply(scene::RenderSnapshotPtr snapshot);
  void move_camera(const scene::CameraCommand& command);
  void note_drawn(const data::FrameInfo& info);
  void note_encoded(double encode_ms);

  [[nodiscard]] Director::Report report() const { return report_.copy(); }
  [[nodiscard]] LoaderStats loader_stats() const { return loader_->stats(); }
  [[nodiscard]] std::uint64_t commands_dropped() const { return commands_.dropped(); }

 private:
  void wake();
  void run_step();  // [render]

  const Clock& clock_;
  Mailbox<scene::RenderSnapshotPtr> snapshots_;
  CameraQueue commands_;
  struct Mode {
    std::uint64_t dataset{0};
    int ndisplay{0};
    bool operator==(const Mode&) const = default;
  };
  gstx::Guarded<Mode> mode_;
  std::atomic<bool> woken_{false};
  gstx::Guarded<Director::Report> report_;
  std::unique_ptr<BlockLoader> loader_;
  std::unique_ptr<gstx::ContextThread> thread_;
  std::unique_ptr<Director> director_;  // [render]
  std::unique_ptr<Timer> timer_;        // [render]
};

}  // namespace napari::runtime
