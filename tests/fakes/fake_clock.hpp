// A clock that stands still until a test moves it. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/frame_clock.hpp"

namespace napari::fakes {

class FakeClock final : public runtime::Clock {
 public:
  [[nodiscard]] std::int64_t now_ns() const override { return now_ns_; }
  void advance_ms(std::int64_t ms) { now_ns_ += ms * runtime::kMsNs; }

 private:
  std::atomic<std::int64_t> now_ns_{1'000'000'000};
};

}  // namespace napari::fakes
