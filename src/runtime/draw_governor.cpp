#include "runtime/draw_governor.hpp"

#include <algorithm>

namespace napari::runtime {
namespace {

constexpr double kSmoothing = 0.3;
constexpr int kCalmPictures = 5;  // before a finer scale is tried
constexpr double kUpMargin =
    0.7;  // of the allowed time that a finer scale may be predicted to take
constexpr double kMovingScale =
    0.5;  // the coarsest scale at which a finer volume is still worth moving
constexpr double kHeldMargin = 1.25;
// Before anything was measured: what two cores do.
constexpr double kPlaneNs = 1.5;
constexpr double kVolumeNs = 0.4;

}  // namespace

DrawGovernor::DrawGovernor(data::CanvasSize canvas, int fps)
    : pixels_(static_cast<double>(canvas.width_px) * canvas.height_px),
      frame_ms_(1000.0 / fps),
      ns_per_sample_{kPlaneNs, kVolumeNs} {}

double DrawGovernor::predicted_ms(const DrawLoad& load, double scale) const {
  return ns_per_sample_[index(load.ndisplay)] * pixels_ * load.planes * scale * scale / 1e6;
}

double DrawGovernor::allowed_ms() const {
  return std::clamp(0.9 * frame_ms_ - 0.5 * encode_ms_, 0.35 * frame_ms_, 0.8 * frame_ms_);
}

void DrawGovernor::on_encoded(double encode_ms) {
  encode_ms_ += kSmoothing * (encode_ms - encode_ms_);
}

void DrawGovernor::prepare_motion(const DrawLoad& load) {
  std::size_t& step = step_[index(load.ndisplay)];
  while (step + 1 < kDrawScales.size() && predicted_ms(load, kDrawScales[step]) > allowed_ms())
    ++step;
}

void DrawGovernor::on_drawn(const DrawLoad& load, double scale, double draw_ms, bool moving) {
  const std::size_t mode = index(load.ndisplay);
  const double samples = pixels_ * load.planes * scale * scale;
  if (samples <= 0 || draw_ms < 0) return;
  const double ns = draw_ms * 1e6 / samples;
  const double weight = measured_[mode] ? kSmoothing : 1;
  ns_per_sample_[mode] += weight * (ns - ns_per_sample_[mode]);
  measured_[mode] = true;
  if (!moving) return;
  const double allowed = allowed_ms();
  std::size_t& step = step_[mode];
  if (predicted_ms(load, kDrawScales[step]) > allowed) {
    prepare_motion(load);
    calm_[mode] = 0;
    return;
  }
  const bool calm = step > 0 && predicted_ms(load, kDrawScales[step - 1]) < kUpMargin * allowed;
  calm_[mode] = calm ? calm_[mode] + 1 : 0;
  if (calm_[mode] < kCalmPictures) return;
  --step;
  calm_[mode] = 0;
}

bool DrawGovernor::affords_moving(double planes, bool held) const {
  return predicted_ms({3, planes}, kMovingScale) <=
         allowed_ms() * (held ? kHeldMargin : 1 / kHeldMargin);
}

bool DrawGovernor::affords_still(double planes, bool held) const {
  return predicted_ms({3, planes}, 1) <= kStillBudgetMs * (held ? kHeldMargin : 1 / kHeldMargin);
}

}  // namespace napari::runtime
