#include "engine/device_choice.hpp"

#include <charconv>

#include <fmt/format.h>

namespace napari::engine {

gstx::Result<int> resolve_device(std::string_view device) {
  return resolve_device(device, list_gpus());
}

gstx::Result<int> resolve_device(std::string_view device, const gstx::Result<GpuList>& gpus) {
  GSTX_TRY(check_device_syntax(device));
  if (gpus) return find_gpu(device, gpus->devices);
  int ordinal = -1;
  const char* end = device.data() + device.size();
  const auto [stopped, error] = std::from_chars(device.data(), end, ordinal);
  if (error == std::errc{} && stopped == end) return ordinal;
  return gstx::fail(gpus.error().code, fmt::format("no GPU can be found by its UUID \"{}\": {}",
                                                   device, gpus.error().message));
}

}  // namespace napari::engine
