// Fans a tier's access units out to its subscribers. A new one gets frames from the next IDR on; all that join before it comes
// share one request. Does not queue: bounds are the subscribers' own.
// Threads: `dispatch` [stream], one at a time; the rest [any]. Callbacks run on the streaming thread with no lock held.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gstx/result.hpp"
#include "runtime/frame_clock.hpp"
#include "runtime/interface.hpp"

namespace napari::runtime {

class FrameHub {
 public:
  FrameHub(std::function<void()> request_keyframe, const Clock& clock);

  [[nodiscard]] gstx::Result<std::uint64_t> subscribe(std::uint64_t id, FrameCallback callback);
  // Blocks until no callback of it runs, unless called from one. False: no such subscriber.
  bool unsubscribe(std::uint64_t id);
  void dispatch(const data::EncodedFramePtr& frame);
  [[nodiscard]] int subscribers() const;

 private:
  struct Subscriber {
    std::uint64_t id{0};
    FrameCallback callback;
    bool waits_for_keyframe{true};
    bool closed{false};
    bool running{false};
  };

  std::function<void()> request_keyframe_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<std::shared_ptr<Subscriber>> subscribers_;
  std::thread::id dispatching_;
  std::int64_t keyframe_asked_ns_{kNeverNs};  // kNeverNs: none is on its way
};

}  // namespace napari::runtime
