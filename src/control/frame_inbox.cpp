#include "control/frame_inbox.hpp"

#include <utility>

namespace napari::control {

void FrameInbox::push(data::EncodedFramePtr frame) {
  // Woken under the lock: `close` then means that no wake-up is on its way any more.
  state_.with([&](State& state) {
    if (state.closed) return;
    Taken& waiting = state.waiting;
    const bool idle = waiting.frames.empty() && !waiting.gap;
    if (waiting.frames.size() >= kInboxFramesMax) {
      waiting.dropped += waiting.frames.size();
      waiting.frames.clear();
      waiting.gap = true;
      state.need_keyframe = true;
    }
    if (state.need_keyframe && !frame->keyframe) {
      ++waiting.dropped;
    } else {
      state.need_keyframe = false;
      waiting.frames.push_back(std::move(frame));
    }
    if (idle) wake_();
  });
}

FrameInbox::Taken FrameInbox::take() {
  return state_.with([](State& state) { return std::exchange(state.waiting, {}); });
}

void FrameInbox::close() {
  state_.with([](State& state) {
    state.closed = true;
    state.waiting = {};
  });
}

}  // namespace napari::control
