#include "control/handlers.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <glib.h>

namespace napari::control {
namespace {

struct Row {
  std::string_view scope;
  std::string_view key;
  Handler handler;
};

constexpr std::array kRows = {
    Row{"view", "ndisplay", handle::ndisplay},
    Row{"dims", "index", handle::dims_index},
    Row{"dims", "step", handle::dims_step},
    Row{"camera", "zoom", handle::camera_zoom},
    Row{"camera", "pan", handle::camera_pan},
    Row{"camera", "orbit", handle::camera_orbit},
    Row{"camera", "reset", handle::camera_reset},
    Row{"camera", "set", handle::camera_set},
    Row{"layer", "visible", handle::layer_visible},
    Row{"layer", "opacity", handle::layer_opacity},
    Row{"layer", "gamma", handle::layer_gamma},
    Row{"layer", "colormap", handle::layer_colormap},
    Row{"layer", "contrast_limits", handle::layer_contrast_limits},
    Row{"layer", "rendering", handle::layer_rendering},
    Row{"layer", "blending", handle::layer_blending},
    Row{"layer", "interpolation", handle::layer_interpolation},
    Row{"layer", "attenuation", handle::layer_attenuation},
    Row{"layer", "iso_threshold", handle::layer_iso_threshold},
    Row{"layer", "depiction", handle::layer_depiction},
    Row{"volume", "render_mode", handle::volume_render_mode},
    Row{"volume", "contrast_limits", handle::volume_contrast_limits},
    Row{"volume", "colormap", handle::volume_colormap},
    Row{"volume", "opacity", handle::volume_opacity},
    Row{"volume", "sample_step", handle::volume_sample_step},
    Row{"multiscale", "level", handle::multiscale_level},
    Row{"multiscale", "policy", handle::multiscale_policy},
};

}  // namespace

HandlerLookup find_handler(std::string_view scope, std::string_view key) {
  HandlerLookup lookup;
  for (const Row& row : kRows) {
    if (row.scope != scope) continue;
    lookup.scope_known = true;
    if (row.key == key) lookup.handler = row.handler;
  }
  return lookup;
}

Reduced reduce(const LedgerState& state, const Intent& intent) {
  if (intent.scope.empty()) return refuse("scope is empty");
  if (intent.key.empty()) return refuse("key is empty");
  const HandlerLookup lookup = find_handler(intent.scope, intent.key);
  if (!lookup.scope_known) return refuse(fmt::format("unknown scope '{}'", intent.scope));
  if (lookup.handler == nullptr) {
    return refuse(fmt::format("unknown key '{}' of scope '{}'", intent.key, intent.scope));
  }
  return lookup.handler(state, intent);
}

const char* state_code(gstx::ErrorCode code) {
  switch (code) {
    case gstx::ErrorCode::invalid_argument:
      return "state.invalid";
    case gstx::ErrorCode::unsupported:
      return "state.unsupported";
    default:
      return "state.error";
  }
}

tl::unexpected<gstx::Error> refuse(std::string message) {
  return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(message));
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), g_ascii_tolower);
  return result;
}

std::string trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

}  // namespace napari::control
