#include <fmt/format.h>

#include "control/handlers.hpp"

namespace napari::control::handle {
namespace {

// The volume's properties are the first layer's: one picture has one truth.
Reduced as_layer(const LedgerState& state, const Intent& intent, const char* key, Handler handler) {
  const auto& ids = state.get(keys::kLayerIds);
  if (ids.empty()) {
    return gstx::fail(gstx::ErrorCode::failed_precondition, "no data set is open");
  }
  return handler(state, {"layer", ids.front(), key, intent.value});
}

}  // namespace

Reduced volume_render_mode(const LedgerState& state, const Intent& intent) {
  return as_layer(state, intent, "rendering", layer_rendering);
}

Reduced volume_contrast_limits(const LedgerState& state, const Intent& intent) {
  return as_layer(state, intent, "contrast_limits", layer_contrast_limits);
}

Reduced volume_colormap(const LedgerState& state, const Intent& intent) {
  return as_layer(state, intent, "colormap", layer_colormap);
}

Reduced volume_opacity(const LedgerState& state, const Intent& intent) {
  return as_layer(state, intent, "opacity", layer_opacity);
}

Reduced volume_sample_step(const LedgerState&, const Intent& intent) {
  if (!intent.value.number()) return refuse("sample_step must be a finite number");
  return gstx::fail(
      gstx::ErrorCode::unsupported,
      "sample_step is fixed: the projection samples at its own step (docs/drawing.md)");
}

}  // namespace napari::control::handle
