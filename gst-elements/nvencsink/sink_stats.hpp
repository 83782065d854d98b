// What naparinvencsink counts: totals, the rate over the last second, and the median time in the encoder.
// Threads: [any], one lock inside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include <gst/gst.h>

#include "gstx/thread.hpp"

namespace napari::elements {

struct SinkFigures {
  std::uint64_t frames_encoded{0};
  std::uint64_t keyframes{0};
  std::uint64_t bytes{0};
  double encode_ms_p50{0};
  double fps{0};
  double bitrate_bps{0};
  double latency_ms{0};  // from the picture's time stamp to the access unit, of the last frame
};

class SinkStats {
 public:
  struct AccessUnit {
    std::int64_t now_ns{0};
    std::int64_t encode_ns{0};
    std::int64_t latency_ns{0};
    std::size_t bytes{0};
    bool keyframe{false};
  };
  void count(const AccessUnit& unit);
  void reset();
  [[nodiscard]] SinkFigures figures(std::int64_t now_ns) const;

 private:
  static constexpr std::size_t kWindowMax = 1024;
  static constexpr std::size_t kTimesMax = 128;
  struct Entry {
    std::int64_t at_ns{0};
    std::size_t bytes{0};
  };
  struct State {
    SinkFigures totals;
    std::deque<Entry> window;  // the last second
    std::array<std::int64_t, kTimesMax> encode_ns{};
    std::size_t times{0};
  };
  gstx::Guarded<State> state_;
};

// For the property `stats` and the message `napari-stats`. The caller's.
[[nodiscard]] GstStructure* to_structure(const SinkFigures& figures);

}  // namespace napari::elements
