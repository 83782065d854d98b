#include "scene/scene.hpp"

namespace napari::scene {

std::vector<int> Dims::displayed() const {
  const auto count = static_cast<std::ptrdiff_t>(ndisplay);
  const auto size = static_cast<std::ptrdiff_t>(order.size());
  return {order.end() - (count < size ? count : size), order.end()};
}

}  // namespace napari::scene
