#include "nvencsink/encode_watch.hpp"

namespace napari::elements {

void EncodeWatch::push(const InFlight& picture) {
  constexpr std::size_t kInFlightMax = 64;
  const std::lock_guard lock(mutex_);
  if (pictures_.size() >= kInFlightMax) pictures_.pop_front();
  pictures_.push_back(picture);
}

InFlight EncodeWatch::pop() {
  const std::lock_guard lock(mutex_);
  if (pictures_.empty()) return {};
  const InFlight front = pictures_.front();
  pictures_.pop_front();
  changed_.notify_all();
  return front;
}

void EncodeWatch::clear() {
  const std::lock_guard lock(mutex_);
  pictures_.clear();
  changed_.notify_all();
}

void EncodeWatch::wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool EncodeWatch::wait_empty(std::chrono::milliseconds limit, const std::function<bool()>& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return pictures_.empty() || stop(); });
  return pictures_.empty();
}

void EncodeWatch::enter() {
  const std::lock_guard lock(mutex_);
  entered_ = true;
}

void EncodeWatch::leave() {
  const std::lock_guard lock(mutex_);
  entered_ = false;
  changed_.notify_all();
}

void EncodeWatch::wait_left(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return !entered_; });
}

}  // namespace napari::elements
