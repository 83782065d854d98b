// Decides which picture leaves a source, and when: waits for damage, the frame clock (1/fps, absolute deadlines) and, where
// downstream grants them, a credit; hands out new pictures, settle frames and repaints. Knows no GStreamer.
// Threads: `next` is [stream]; everything else is [any] unless tagged. `next` blocks until there is something to hand out
// or `interrupt` was called. Damage that comes while it may not draw coalesces: the newest picture wins.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/elements.hpp"

namespace napari::elements {

class FramePump {
 public:
  struct Settings {
    bool continuous{false};  // a picture in every interval, changed or not
    bool endless{
        true};  // false: an idle scene repeats its picture, so that a buffer count is reached
    int settle_frames{8};
  };
  struct Outgoing {
    engine::PicturePtr picture;
    data::FrameInfo info;  // the picture's, with the settle fields of this hand-out
  };
  struct Stats {
    std::uint64_t pictures_drawn{0};
    std::uint64_t pictures_handed_out{0};  // with repeats
    std::int64_t draw_ns_p50{0};
    std::int64_t draw_ns_p95{0};
  };

  FramePump(engine::RenderDelegatePtr delegate, Settings settings);
  ~FramePump();
  FramePump(const FramePump&) = delete;
  FramePump& operator=(const FramePump&) = delete;

  // [stream] `failed_precondition` after `interrupt`; any other error is the delegate's.
  [[nodiscard]] gstx::Result<Outgoing> next();

  void set_frame_rate(double fps);  // > 0; before the first `next`
  void set_credits(bool granted);   // whether downstream grants credits; puts one in hand
  void grant_credit();              // at most one is held
  void repaint();                   // hands the last picture out again
  void interrupt();                 // `next` returns at once, until `resume`
  void resume();                    // also puts a credit in hand
  [[nodiscard]] Stats stats() const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Task { draw, settle, repaint, repeat };

  [[nodiscard]] std::optional<Task> pick_task() const;  // mutex_ held
  [[nodiscard]] gstx::Result<Task> wait_for_task();
  [[nodiscard]] gstx::Result<engine::PicturePtr> draw();
  [[nodiscard]] Outgoing hand_out(Task task, engine::PicturePtr picture);
  void advance_clock();  // mutex_ held
  void note_damage();

  const engine::RenderDelegatePtr delegate_;
  const Settings settings_;
  std::uint64_t listener_{0};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Clock::duration interval_{std::chrono::nanoseconds(16'666'667)};
  Clock::time_point deadline_{};
  bool interrupted_{false};
  bool credits_{false};
  bool credit_{true};
  bool repaint_{false};
  std::uint64_t seen_damage_{0};
  engine::PicturePtr last_;
  int settled_{0};  // settle frames handed out of last_
  Stats stats_;
  data::LatencyStats<64> draw_times_;
};

}  // namespace napari::elements
