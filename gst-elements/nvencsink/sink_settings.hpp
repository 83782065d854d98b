// The properties of naparinvencsink as a value, and what its parts share on the way of a frame. Threads: as stated.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <gst/gst.h>

#include "engine/elements.hpp"
#include "gstx/thread.hpp"
#include "nvencsink/encode_watch.hpp"

namespace napari::elements {

struct SinkSettings {
  std::string encoder{"auto"};
  std::int64_t bitrate_bps{12'000'000};
  std::int64_t max_bitrate_bps{0};
  std::int64_t idr_interval_ms{0};
  bool settle_idr{false};
  int threads{0};
  int stall_timeout_ms{4000};
};

struct SinkShared {
  gstx::Guarded<SinkSettings> settings;       // [any]
  EncodeWatch watch;                          // [any]
  gstx::Guarded<engine::VideoColour> colour;  // [stream]s of queue and encoder
  gstx::Guarded<std::string> encoder_report;  // [any]
  gstx::Guarded<std::string> encoder_name;    // [any]
  std::atomic<bool> stopping{true};           // [any] between READY and PAUSED
};

}  // namespace napari::elements
