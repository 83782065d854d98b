// Time as the runtime sees it: a clock that tests replace, and pacing by absolute deadlines that costs nothing while
// nothing is due. Threads: Clock any; FrameClock belongs to one thread.
#pragma once

#include <cstdint>
#include <limits>

namespace napari::runtime {

inline constexpr std::int64_t kNeverNs = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kMsNs = 1'000'000;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t now_ns() const = 0;  // CLOCK_MONOTONIC
};

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_ns() const override;
};

// At most one event an interval: the first goes at once, those that follow wait for the next deadline.
class FrameClock {
 public:
  explicit FrameClock(std::int64_t interval_ns) : interval_ns_(interval_ns) {}

  [[nodiscard]] std::int64_t due_ns() const { return due_ns_; }
  [[nodiscard]] bool is_due(std::int64_t now_ns) const { return now_ns >= due_ns_; }
  // An event happens now. Late events do not move the grid further than an interval ahead.
  void mark(std::int64_t now_ns);

 private:
  std::int64_t interval_ns_;
  std::int64_t due_ns_{0};
};

}  // namespace napari::runtime
