// Camera commands on their way to the render thread: in order, neighbours of one kind merged, bounded by
// data::kCameraCommandsMax (then the oldest goes, and is counted). Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "gstx/thread.hpp"
#include "scene/camera.hpp"

namespace napari::runtime {

class CameraQueue {
 public:
  void push(const scene::CameraCommand& command);
  // What comes later is not merged with what came before: the mode or the data set changes here.
  void split();
  [[nodiscard]] std::vector<scene::CameraCommand> take();
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct State {
    std::deque<scene::CameraCommand> commands;
    bool split{false};
    std::uint64_t dropped{0};
  };
  gstx::Guarded<State> state_;
};

// `earlier` followed by `later` as one command, into `earlier`. False: they cannot be one.
[[nodiscard]] bool try_merge(scene::CameraCommand& earlier, const scene::CameraCommand& later);

}  // namespace napari::runtime
