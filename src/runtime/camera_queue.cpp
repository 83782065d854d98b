#include "runtime/camera_queue.hpp"

#include <cmath>

#include "data/config.hpp"

namespace napari::runtime {

bool try_merge(scene::CameraCommand& earlier, const scene::CameraCommand& later) {
  if (earlier.kind != later.kind) return false;
  switch (later.kind) {
    case scene::CameraCommandKind::pan:
      for (std::size_t i = 0; i < 2; ++i) earlier.delta_px[i] += later.delta_px[i];
      break;
    case scene::CameraCommandKind::orbit:
      for (std::size_t i = 0; i < 2; ++i) earlier.delta_deg[i] += later.delta_deg[i];
      break;
    case scene::CameraCommandKind::zoom: {
      const double factor = earlier.factor * later.factor;
      if (earlier.anchor_px != later.anchor_px || !std::isnormal(factor)) return false;
      earlier.factor = factor;
      break;
    }
    case scene::CameraCommandKind::reset:
      break;
    case scene::CameraCommandKind::set:
      return false;
  }
  earlier.scene_version = later.scene_version;
  return true;
}

void CameraQueue::push(const scene::CameraCommand& command) {
  state_.with([&](State& state) {
    if (!state.split && !state.commands.empty() && try_merge(state.commands.back(), command))
      return;
    state.split = false;
    if (state.commands.size() >= data::kCameraCommandsMax) {
      state.commands.pop_front();
      ++state.dropped;
    }
    state.commands.push_back(command);
  });
}

void CameraQueue::split() {
  state_.with([](State& state) { state.split = true; });
}

std::vector<scene::CameraCommand> CameraQueue::take() {
  std::deque<scene::CameraCommand> taken;
  state_.with([&](State& state) { taken.swap(state.commands); });
  return {taken.begin(), taken.end()};
}

std::uint64_t CameraQueue::dropped() const {
  return state_.with([](const State& state) { return state.dropped; });
}

}  // namespace napari::runtime
