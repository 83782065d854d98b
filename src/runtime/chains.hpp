// One chain of elements a tier, through the engine's pipeline builder: made when somebody subscribes, gone some time after the
// last has left, rebuilt after an error with growing pauses, given up after a few.
// Threads: a Chain's methods are [any]; pipelines are made, stopped and destroyed on the thread that is handed in, since a state
// change may block. Borrows the engine and that thread, which both outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/config.hpp"
#include "engine/api.hpp"
#include "gstx/thread.hpp"
#include "runtime/frame_hub.hpp"
#include "runtime/interface.hpp"
#include "runtime/timer.hpp"

namespace napari::runtime {

[[nodiscard]] const char* to_string(Tier tier);

// The elements of a tier, in order.
[[nodiscard]] std::vector<engine::ElementSpec> chain_spec(Tier tier,
                                                          const data::ServeConfig& config);

struct ChainTimings {
  std::int64_t grace_ns{5000 * kMsNs};      // without a subscriber, before the chain is stopped
  std::int64_t backoff_ns{250 * kMsNs};     // before the first rebuild; doubles
  std::int64_t healthy_ns{30'000 * kMsNs};  // a chain that ran so long starts counting anew
  int rebuilds_max{4};
};

struct ChainEvents {
  std::function<void(const data::StreamConfig&)> on_config;  // [stream]
  std::function<void(const data::FrameInfo&)> on_drawn;      // [stream]
  std::function<void(double encode_ms)> on_encoded;          // [stream]
  std::function<void(const gstx::Error&)> on_error;          // [any]
};

class Chain {
 public:
  struct Params {
    Tier tier{Tier::web};
    std::vector<engine::ElementSpec> spec;
    ChainTimings timings;
  };
  Chain(engine::Engine& engine, gstx::ContextThread& thread, const Clock& clock, Params params,
        ChainEvents events);
  ~Chain();  // stops; not on the chain thread
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  [[nodiscard]] gstx::Result<void> subscribe(std::uint64_t id, FrameCallback callback);
  bool unsubscribe(std::uint64_t id);
  void request_keyframe();
  [[nodiscard]] TierReport report() const;
  [[nodiscard]] std::string dot_graph() const;  // empty: not running

 private:
  using PipelinePtr = std::shared_ptr<engine::Pipeline>;

  void on_timer();  // [chain]
  void update();    // [chain] makes reality match the subscribers
  void start();     // [chain]
  void stop();      // [chain]
  void fail(std::uint64_t generation, const gstx::Error& error);  // [chain]
  [[nodiscard]] engine::PipelineEvents pipeline_events(std::uint64_t generation);
  void deliver(const data::EncodedFramePtr& frame);  // [stream]

  engine::Engine& engine_;
  gstx::ContextThread& thread_;
  const Clock& clock_;
  const Params params_;
  const ChainEvents events_;
  FrameHub hub_;
  gstx::Guarded<PipelinePtr> pipeline_;
  gstx::Guarded<std::optional<gstx::Error>> given_up_;
  std::atomic<std::uint64_t> frame_measured_{0};

  std::unique_ptr<Timer> timer_;           // [chain]
  std::uint64_t generation_{0};            // [chain]
  std::int64_t started_ns_{0};             // [chain]
  std::int64_t stop_due_ns_{kNeverNs};     // [chain] the end of the grace
  std::int64_t restart_due_ns_{kNeverNs};  // [chain] the end of a pause after an error
  int rebuilds_{0};                        // [chain]
};

}  // namespace napari::runtime
