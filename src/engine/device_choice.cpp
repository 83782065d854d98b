#include "engine/device_choice.hpp"

#include <charconv>

#include <fmt/format.h>

namespace napari::engine {

gstx::Result<int> resolve_device(std::string_view device) {
  int ordinal = -1;
  const char* end = device.data() + device.size();
  const auto [stopped, error] = std::from_chars(device.data(), end, ordinal);
  if (error != std::errc{} || stopped != end || ordinal < 0 || ordinal > 255)
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("device \"{}\" is not an ordinal in 0..255", device));
  return ordinal;
}

}  // namespace napari::engine
