#include "runtime/frame_clock.hpp"

#include <ctime>

namespace napari::runtime {

std::int64_t SteadyClock::now_ns() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void FrameClock::mark(std::int64_t now_ns) {
  const std::int64_t next = due_ns_ + interval_ns_;
  due_ns_ = next > now_ns ? next : now_ns + interval_ns_;
}

}  // namespace napari::runtime
