#include "runtime/draw_governor.hpp"

#include <algorithm>

namespace napari::runtime {
namespace {

constexpr double kSmoothing = 0.3;
constexpr std::size_t kKnownMax = 32;
constexpr double kPlaneNs = 1.5;      // a pixel, before anything was measured: what two cores do
constexpr double kVolumeNs = 0.4;     // a pixel and plane
constexpr int kCalmPictures = 5;      // before a finer scale that is sure to hold the rate
constexpr int kCalmPicturesTry = 30;  // before one that may not; doubles with every failure
constexpr int kCalmPicturesMax = 1000;
constexpr double kSure = 0.9;  // of the allowed time
constexpr double kTry = 0.7;
constexpr double kMovingScale =
    0.5;  // the coarsest scale at which a finer volume is still worth moving
constexpr double kHeldMargin = 1.25;

double area(std::size_t step) { return kDrawScales[step] * kDrawScales[step]; }

}  // namespace

DrawGovernor::DrawGovernor(data::CanvasSize canvas, int fps)
    : pixels_(static_cast<double>(canvas.width_px) * canvas.height_px), frame_ms_(1000.0 / fps) {}

double DrawGovernor::predicted_ms(const DrawLoad& load, double scale, bool moving) const {
  const Mode& mode = modes_[index(load.ndisplay)];
  double cheapest = 0;
  for (const Known& known : mode.known) {
    if (known.planes == load.planes && known.moving == moving)
      return known.ns_per_px * pixels_ * scale * scale / 1e6;
    const double suggested = known.ns_per_px * load.planes / known.planes;
    if (cheapest == 0 || suggested < cheapest) cheapest = suggested;
  }
  if (cheapest == 0) cheapest = load.ndisplay >= 3 ? kVolumeNs * load.planes : kPlaneNs;
  return cheapest * pixels_ * scale * scale / 1e6;
}

double DrawGovernor::allowed_ms() const {
  return std::clamp(0.9 * frame_ms_ - 0.5 * encode_ms_, 0.35 * frame_ms_, 0.8 * frame_ms_);
}

void DrawGovernor::on_encoded(double encode_ms) {
  encode_ms_ += kSmoothing * (encode_ms - encode_ms_);
}

void DrawGovernor::on_drawn(const DrawLoad& load, double scale, double draw_ms, bool moving) {
  const double pixels = pixels_ * scale * scale;
  if (pixels <= 0 || draw_ms < 0) return;
  Mode& mode = modes_[index(load.ndisplay)];
  learn(mode, load, draw_ms * 1e6 / pixels, moving);
  // A picture of an earlier step says nothing about this one.
  if (moving && scale == kDrawScales[mode.step]) adapt(mode, draw_ms);
}

void DrawGovernor::learn(Mode& mode, const DrawLoad& load, double ns_per_px, bool moving) {
  const auto known = std::find_if(mode.known.begin(), mode.known.end(), [&](const Known& k) {
    return k.planes == load.planes && k.moving == moving;
  });
  if (known != mode.known.end()) {
    known->ns_per_px += kSmoothing * (ns_per_px - known->ns_per_px);
    return;
  }
  if (mode.known.size() >= kKnownMax) mode.known.erase(mode.known.begin());
  mode.known.push_back({load.planes, moving, ns_per_px});
}

void DrawGovernor::take_step(Mode& mode, std::size_t step) {
  mode.step = step;
  mode.draw_ms = 0;
  mode.calm = 0;
}

void DrawGovernor::adapt(Mode& mode, double draw_ms) {
  const double allowed = allowed_ms();
  const bool first = mode.draw_ms == 0;
  mode.draw_ms += (first ? 1 : kSmoothing) * (draw_ms - mode.draw_ms);
  // One slow picture may be an accident of the machine, unless it is far off.
  if (mode.draw_ms > allowed * (first ? 1.5 : 1)) {
    std::size_t step = mode.step;
    while (step + 1 < kDrawScales.size() && mode.draw_ms * area(step) / area(mode.step) > allowed)
      ++step;
    if (mode.trying) mode.calm_needed = std::min(2 * mode.calm_needed, kCalmPicturesMax);
    mode.trying = false;
    if (step != mode.step) take_step(mode, step);
    return;
  }
  if (mode.step == 0) return;
  const double finer_ms = mode.draw_ms * area(mode.step - 1) / area(mode.step);
  const bool sure = finer_ms < kSure * allowed;
  mode.calm = sure || mode.draw_ms < kTry * allowed ? mode.calm + 1 : 0;
  mode.calm_needed = std::max(mode.calm_needed, kCalmPicturesTry);
  if (mode.calm < (sure ? kCalmPictures : mode.calm_needed)) return;
  mode.trying = !sure;
  take_step(mode, mode.step - 1);
}

void DrawGovernor::prepare_motion(const DrawLoad& load) {
  Mode& mode = modes_[index(load.ndisplay)];
  std::size_t step = mode.step;
  while (step + 1 < kDrawScales.size() &&
         predicted_ms(load, kDrawScales[step], true) > allowed_ms())
    ++step;
  if (step != mode.step) take_step(mode, step);
}

bool DrawGovernor::affords_moving(double planes, bool held) const {
  return predicted_ms({3, planes}, kMovingScale, true) <=
         allowed_ms() * (held ? kHeldMargin : 1 / kHeldMargin);
}

bool DrawGovernor::affords_still(double planes, bool held, double budget_ms) const {
  return predicted_ms({3, planes}, 1, false) <= budget_ms * (held ? kHeldMargin : 1 / kHeldMargin);
}

}  // namespace napari::runtime
