// One slot, latest wins: the sender never blocks on the receiver and a value that was overtaken is dropped, which is
// right for whole states (snapshots) and wrong for increments (those go through CameraQueue). Threads: any.
#pragma once

#include <optional>
#include <utility>

#include "gstx/thread.hpp"

namespace napari::runtime {

template <typename T>
class Mailbox {
 public:
  void put(T value) {
    std::optional<T> old(std::move(value));
    slot_.with([&](std::optional<T>& slot) { slot.swap(old); });
    // What was overtaken is freed here, outside the lock.
  }
  [[nodiscard]] std::optional<T> take() {
    std::optional<T> result;
    slot_.with([&](std::optional<T>& slot) { slot.swap(result); });
    return result;
  }

 private:
  gstx::Guarded<std::optional<T>> slot_;
};

}  // namespace napari::runtime
