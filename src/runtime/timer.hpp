// A deadline on a GMainContext: one source that is moved, not one a deadline. Threads: made, set and destroyed on the thread that
// runs the context (or before it runs anything that could fire it).
#pragma once

#include <cstdint>
#include <functional>

#include <glib.h>

#include "gstx/unique.hpp"

namespace napari::runtime {

class Timer {
 public:
  Timer(GMainContext* context, std::function<void()> fire);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // CLOCK_MONOTONIC; kNeverNs disarms. Fires once.
  void set(std::int64_t deadline_ns);

 private:
  std::function<void()> fire_;
  gstx::UniqueSource source_;
};

}  // namespace napari::runtime
