// Every setting as a plain struct with its default, unit and range. `app/options` fills it from argv and the environment;
// everybody else gets a copy or a part of it. Threads: any (values).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/types.hpp"

namespace napari::data {

struct ServeConfig {
  std::string data;  // what to open at start; empty: idle
  std::string host{"127.0.0.1"};
  std::optional<int> port;               // nullopt: 8080 or the next free one; 0: any free one
  bool napari{false};                    // also listen where the napari desktop client expects it
  std::optional<int> state_port;         // nullopt: off, 8081 with `napari`; 0: off
  std::optional<int> pixel_port;         // nullopt: off, 8082 with `napari`; 0: off
  CanvasSize canvas{1920, 1080};         // each even, 64..8192
  int fps{60};                           // 1..240
  std::string backend{"auto"};           // auto | egl | cpu
  std::string device{"0"};               // GPU: CUDA ordinal 0..255 or UUID
  std::string encoder{"auto"};           // auto | x264 | openh264 | nvenc
  std::int64_t bitrate_bps{12'000'000};  // 100k..200M
  // empty: the parent folder of `data`, else the working directory
  std::string data_root;
  std::string token;  // empty: generated
  bool no_token{false};
  std::string tls_cert, tls_key;  // PEM files
  bool insecure{false};
  std::int64_t memory_budget_bytes{0};  // 0: memory_budget_percent of RAM
  double memory_budget_percent{25};     // 1..90; used where memory_budget_bytes is 0
  std::int64_t vram_budget_bytes{0};    // 0: vram_budget_percent of the GPU's memory
  double vram_budget_percent{50};       // 1..90; used where vram_budget_bytes is 0
  double heartbeat_s{15};               // 0.05..3600
  int ndisplay{2};                      // 2 or 3
  bool frame_id{false};
  std::string log_level{"info"};   // error | warning | info | debug
  std::string log_format{"text"};  // text | json
};

// Bounds that are not options. Each has a counter where something can be dropped.
inline constexpr std::size_t kMessageBytesMax = 1 << 20;  // an inbound WebSocket message
// waiting for the render thread, after merging
inline constexpr std::size_t kCameraCommandsMax = 1024;
inline constexpr int kSettleFramesMax = 8;
// unsent frames a pixel client may have queued
inline constexpr int kClientFramesMax = 4;
// unsent bytes, state or pixels, before a client is resynced or closed
inline constexpr std::size_t kClientBytesMax = 8 << 20;
inline constexpr int kSessionsMax = 256;
inline constexpr int kSubscribersMax = 256;

}  // namespace napari::data
