// A drawer that outlives its back end. Draws on the GPU; a back end that breaks (`internal`) is made anew a few times a minute, one
// that is out of memory (`unavailable` without a stop) once; where that does not help, or the GPU can never draw a plan
// (`unsupported`), the CPU draws for a while that doubles, and then the GPU is tried again. Without a CPU drawer (the GPU was
// asked for) what would lead there is the answer. Each step is told as a warning. Decides by the errors' codes alone and knows
// neither GL nor SIMD. Threads: one caller at a time; what is tagged [any] besides. Ownership: owns the back ends; frames may
// outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "engine/drawer.hpp"
#include "gstx/thread.hpp"

namespace napari::engine {

struct RebuildLimits {
  int rebuilds_max{3};  // within window_ns
  std::int64_t window_ns{60'000'000'000};
  std::int64_t backoff_ns{250'000'000};     // before the second rebuild within the window; doubles
  std::int64_t burial_ns{2'000'000'000};    // what a dead back end may take to let go of the GPU
  std::int64_t shortage_ns{1'000'000'000};  // how long there may be no frame to draw into
  std::int64_t starved_ns{10'000'000'000};  // … and frames no memory to be converted into
  std::int64_t rest_ns{60'000'000'000};     // on the CPU, the first time; doubles
  std::int64_t rest_max_ns{1'800'000'000'000};
};

class RebuildingDrawer final : public Drawer {
 public:
  using Make = std::function<gstx::Result<std::unique_ptr<Drawer>>()>;
  struct Params {
    Make make_gpu;
    Make make_cpu;                                       // null: there is no other road
    std::function<void(const std::string&)> on_warning;  // in the drawing thread
    std::function<std::int64_t()> now_ns;                // null: CLOCK_MONOTONIC
    RebuildLimits limits;
  };
  RebuildingDrawer(std::unique_ptr<Drawer> gpu, Params params);
  ~RebuildingDrawer() override;

  [[nodiscard]] std::string name() const override;                             // [any]
  [[nodiscard]] bool draws_on_gpu() const override { return on_gpu_.load(); }  // [any]
  [[nodiscard]] gstx::Result<GpuFramePtr> make_frame(data::CanvasSize size) override;
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override;
  void listen_lost(const std::function<void()>& lost) override;
  void listen_better(const std::function<void()>& better) override;
  void set_skipping(bool enabled) override;

 private:
  struct Losses;
  class WatchedFrame;

  [[nodiscard]] gstx::Result<void> prepare(const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> recover(const gstx::Error& error, const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> rebuild(gstx::Error error, const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> wait_for_turn(const gstx::Error& error,
                                                 const std::stop_token& stop);
  [[nodiscard]] gstx::Result<void> rest_on_cpu(const gstx::Error& error);
  void try_gpu_again();
  void take_up(std::unique_ptr<Drawer> gpu);
  [[nodiscard]] bool bury(std::unique_ptr<Drawer> drawer);
  void warn(const std::string& text) const;

  const Params params_;
  const std::shared_ptr<Losses> losses_;  // shared with the frames
  std::unique_ptr<Drawer> gpu_;           // null: on the CPU, or the last rebuild failed
  std::unique_ptr<Drawer> cpu_;
  std::atomic<bool> on_gpu_{true};
  gstx::Guarded<std::string> name_;
  bool skipping_{true};
  bool better_listened_{false};

  std::deque<std::int64_t> rebuilds_ns_;  // those within the window
  bool memory_short_{false};            // a back end was made anew for it, and nothing drawn since
  std::int64_t frameless_since_ns_{0};  // 0: the last frame asked for was there
  std::int64_t rest_ns_;
  std::int64_t rests_until_ns_{0};
  std::int64_t back_since_ns_{0};
  std::future<void> burial_;  // of a back end that did not let go in time
};

}  // namespace napari::engine
