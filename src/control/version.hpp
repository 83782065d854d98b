// What the server calls itself on the wire. Threads: any (constants).
#pragma once

#include <string_view>

namespace napari::control {

inline constexpr std::string_view kServerName = "napari-cuda-server";
inline constexpr std::string_view kServerVersion = NAPARI_VERSION;
inline constexpr int kProtocolVersion = 2;

}  // namespace napari::control
