// Cuts a dispatch into bands that each take a few milliseconds, so that a stop is honoured between them, and keeps the
// GPU at most one such band behind. Learns the cost of a pixel from what the bands took.
// Threads: [gl].
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "engine/gl/slice_layout.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class BandPacer {
 public:
  // `cost_ns_px`: the first guess, which should be high. `cost_ns_px_min`: what a pixel is taken to cost at least, so that
  // after a cheap picture (an empty view) the next one is still cut.
  BandPacer(double cost_ns_px, double cost_ns_px_min)
      : cost_ns_px_(cost_ns_px), cost_ns_px_min_(cost_ns_px_min) {}

  // Calls `dispatch` with bands of `area` in turn. `unavailable` when `stop` was requested.
  [[nodiscard]] gstx::Result<void> run(const PixelRect& area, const std::stop_token& stop,
                                       const std::function<void(const PixelRect&)>& dispatch);
  // Waits for what is under way.
  [[nodiscard]] gstx::Result<void> finish();
  // Ends a picture that nobody reads yet: waits only where what is under way takes long, or where nothing was measured for a
  // while. Else whoever reads the picture waits.
  [[nodiscard]] gstx::Result<void> let_go();

 private:
  [[nodiscard]] std::int64_t pixels_left() const;

  double cost_ns_px_;
  double cost_ns_px_min_;
  std::int64_t pending_px_{0};
  std::int64_t pending_since_ns_{0};
  int unmeasured_{0};  // pictures since the last wait
};

}  // namespace napari::engine
