#include "engine/gl/band_pacer.hpp"

#include <algorithm>
#include <chrono>

#include "engine/gl/gl_fence.hpp"

namespace napari::engine {
namespace {

constexpr double kBandNs = 5e6;
constexpr std::int64_t kMeasurablePixels = 2048;  // below, a band's time says more about the driver
constexpr int kTile = 8;                          // edge of a work group
constexpr std::int64_t kTilePx = std::int64_t{kTile} * kTile;
constexpr double kLetGoNs = 0.5e6;
constexpr int kUnmeasuredMax = 16;

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

std::int64_t BandPacer::pixels_left() const {
  const double cost = std::max(cost_ns_px_, cost_ns_px_min_);
  return static_cast<std::int64_t>(std::min(kBandNs / cost, 1e9)) - pending_px_;
}

gstx::Result<void> BandPacer::run(const PixelRect& area, const std::stop_token& stop,
                                  const std::function<void(const PixelRect&)>& dispatch) {
  for (int y = area.y; y < area.y + area.height;) {
    const int rows_left = area.y + area.height - y;
    int height = std::min(kTile, rows_left);
    int x = area.x;
    while (x < area.x + area.width) {
      if (stop.stop_requested()) {
        GSTX_TRY(finish());
        return gstx::fail(gstx::ErrorCode::unavailable, "drawing was stopped");
      }
      if (pending_px_ > 0 && pixels_left() < kTilePx) GSTX_TRY(finish());
      const std::int64_t budget = std::max<std::int64_t>(pixels_left(), kTilePx);
      int width = area.x + area.width - x;
      if (x == area.x && budget >= static_cast<std::int64_t>(width) * kTile) {
        const std::int64_t rows = budget / width / kTile * kTile;
        height = static_cast<int>(std::min<std::int64_t>(rows, rows_left));
      } else {
        width = static_cast<int>(std::min<std::int64_t>(budget / kTile / kTile * kTile, width));
      }
      if (pending_px_ == 0) pending_since_ns_ = now_ns();
      dispatch({x, y, width, height});
      pending_px_ += static_cast<std::int64_t>(width) * height;
      x += width;
    }
    y += height;
  }
  return {};
}

gstx::Result<void> BandPacer::finish() {
  GSTX_TRY(finish_gpu("drawing"));
  unmeasured_ = 0;
  if (pending_px_ >= kMeasurablePixels) {
    const double cost =
        static_cast<double>(now_ns() - pending_since_ns_) / static_cast<double>(pending_px_);
    // Up fast, down slowly; and at most to double, since one band may have waited for others' work.
    const double change = std::min(cost, 2 * cost_ns_px_) - cost_ns_px_;
    cost_ns_px_ += change * (change > 0 ? 0.7 : 0.3);
  }
  pending_px_ = 0;
  return {};
}

gstx::Result<void> BandPacer::let_go() {
  if (pending_px_ == 0) return {};
  const double expected_ns =
      static_cast<double>(pending_px_) * std::max(cost_ns_px_, cost_ns_px_min_);
  if (expected_ns > kLetGoNs || ++unmeasured_ >= kUnmeasuredMax) return finish();
  pending_px_ = 0;
  return {};
}

}  // namespace napari::engine
