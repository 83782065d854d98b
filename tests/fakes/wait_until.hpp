// Polls with a deadline: for what other threads bring about. Threads: any.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "fakes/patience.hpp"

namespace napari::fakes {

[[nodiscard]] inline bool wait_until(const std::function<bool()>& condition,
                                     std::chrono::milliseconds limit = std::chrono::seconds(8)) {
  const auto deadline = std::chrono::steady_clock::now() + limit * patience();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace napari::fakes
