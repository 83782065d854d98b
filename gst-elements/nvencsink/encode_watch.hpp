// The pictures inside the encoder: which they are, since encoders hand pictures on in order, and whether one has stayed too long.
// Encoders on a GPU take a picture and return at once; the access unit comes from a thread of theirs, or never.
// Threads: [any], one lock inside. Bounded: the oldest entry goes when there are 64.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "engine/elements.hpp"

namespace napari::elements {

struct InFlight {
  std::int64_t pushed_ns{0};
  std::optional<data::FrameInfo> info;
};

class EncodeWatch {
 public:
  void push(const InFlight& picture);  // [stream] of the queue
  InFlight pop();  // [stream] of the encoder; empty where nothing is known to be inside
  void clear();
  void wake();  // something that a waiter's `stop` asks for has changed

  // Until nothing is inside: true. False after `limit`, or as soon as `stop` says so; `stop` runs with the lock held and must
  // not call back.
  [[nodiscard]] bool wait_empty(std::chrono::milliseconds limit, const std::function<bool()>& stop);

  // Around what the streaming thread does while it waits, and after: whoever stops the bin waits for it to be over.
  void enter();
  void leave();
  void wait_left(std::chrono::milliseconds limit);  // [state change]

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<InFlight> pictures_;
  bool entered_{false};
};

}  // namespace napari::elements
