#include "data/zarr/store.hpp"

#include <fmt/format.h>

namespace napari::data::zarr {

namespace {

constexpr std::size_t kKeyLengthMax = 1024;

}  // namespace

gstx::Result<void> check_key(std::string_view key) {
  const auto refuse = [key](std::string_view why) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("the key '{}' is not allowed: {}", key.substr(0, 128), why));
  };
  if (key.size() > kKeyLengthMax) return refuse("it is too long");
  for (std::string_view rest = key;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty()) return refuse("it has an empty part");
    if (part == "." || part == "..") return refuse("it leaves its folder");
    if (part.find('\0') != std::string_view::npos) return refuse("it has a NUL");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::string join_key(std::string_view group, std::string_view name) {
  if (group.empty()) return std::string(name);
  return fmt::format("{}/{}", group, name);
}

tl::unexpected<gstx::Error> cancelled() {
  return gstx::fail(gstx::ErrorCode::unavailable, "cancelled");
}

}  // namespace napari::data::zarr
