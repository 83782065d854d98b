#include "runtime/frame_hub.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "data/config.hpp"

namespace napari::runtime {
namespace {

// An IDR that has not come by then was lost with its encoder.
constexpr std::int64_t kKeyframeLostNs = 1000 * kMsNs;

}  // namespace

FrameHub::FrameHub(std::function<void()> request_keyframe, const Clock& clock)
    : request_keyframe_(std::move(request_keyframe)), clock_(clock) {}

gstx::Result<std::uint64_t> FrameHub::subscribe(std::uint64_t id, FrameCallback callback) {
  bool ask = false;
  {
    const std::lock_guard lock(mutex_);
    if (subscribers_.size() >= static_cast<std::size_t>(data::kSubscribersMax))
      return gstx::fail(gstx::ErrorCode::unavailable,
                        fmt::format("{} viewers already watch, no more fit", subscribers_.size()));
    subscribers_.push_back(
        std::make_shared<Subscriber>(Subscriber{.id = id, .callback = std::move(callback)}));
    const std::int64_t now_ns = clock_.now_ns();
    ask = keyframe_asked_ns_ == kNeverNs || now_ns - keyframe_asked_ns_ > kKeyframeLostNs;
    if (ask) keyframe_asked_ns_ = now_ns;
  }
  if (ask) request_keyframe_();
  return id;
}

bool FrameHub::unsubscribe(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  const auto found = std::find_if(subscribers_.begin(), subscribers_.end(),
                                  [id](const auto& subscriber) { return subscriber->id == id; });
  if (found == subscribers_.end()) return false;
  const std::shared_ptr<Subscriber> subscriber = *found;
  subscribers_.erase(found);
  subscriber->closed = true;
  if (dispatching_ != std::this_thread::get_id())
    idle_.wait(lock, [&] { return !subscriber->running; });
  return true;
}

void FrameHub::dispatch(const data::EncodedFramePtr& frame) {
  std::vector<std::shared_ptr<Subscriber>> targets;
  {
    const std::lock_guard lock(mutex_);
    if (frame->keyframe) keyframe_asked_ns_ = kNeverNs;
    dispatching_ = std::this_thread::get_id();
    targets = subscribers_;
  }
  for (const auto& target : targets) {
    {
      const std::lock_guard lock(mutex_);
      if (frame->keyframe) target->waits_for_keyframe = false;
      if (target->closed || target->waits_for_keyframe) continue;
      target->running = true;
    }
    target->callback(frame);
    {
      const std::lock_guard lock(mutex_);
      target->running = false;
    }
    idle_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  dispatching_ = {};
}

int FrameHub::subscribers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(subscribers_.size());
}

}  // namespace napari::runtime
