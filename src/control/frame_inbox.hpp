// The step of access units from an encoder's streaming thread to main: bounded, one wake-up for many. When main is late
// everything waiting is dropped and only an IDR is taken next, so that nothing undecodable follows a gap.
// Threads: `push` [stream], the rest [main].
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "data/encoded_frame.hpp"
#include "gstx/thread.hpp"

namespace napari::control {

inline constexpr std::size_t kInboxFramesMax = 32;

class FrameInbox {
 public:
  struct Taken {
    std::deque<data::EncodedFramePtr> frames;
    std::uint64_t dropped{0};  // since the last take
    bool gap{false};           // frames are missing before the first of these
  };

  // `wake` runs with each first frame, on the streaming thread; it must only post.
  explicit FrameInbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void push(data::EncodedFramePtr frame);
  [[nodiscard]] Taken take();
  void close();  // later pushes are dropped, `wake` is not called any more

 private:
  struct State {
    Taken waiting;
    bool need_keyframe{false};
    bool closed{false};
  };
  gstx::Guarded<State> state_;
  std::function<void()> wake_;
};

}  // namespace napari::control
