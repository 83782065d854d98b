#include "engine/retired_elements.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace napari::engine {
namespace {

struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  bool down{false};
};

}  // namespace

bool retire_elements(std::vector<gstx::Ref<GstElement>> elements,
                     std::chrono::milliseconds patience) {
  if (elements.empty()) return true;
  const auto outcome = std::make_shared<Outcome>();
  std::thread([elements = std::move(elements), outcome]() mutable {
    std::reverse(elements.begin(), elements.end());
    for (const auto& element : elements) gst_element_set_state(element.get(), GST_STATE_NULL);
    elements.clear();
    const std::lock_guard lock(outcome->mutex);
    outcome->down = true;
    outcome->changed.notify_all();
  }).detach();
  std::unique_lock lock(outcome->mutex);
  return outcome->changed.wait_for(lock, patience, [&] { return outcome->down; });
}

}  // namespace napari::engine
