// Intents and what they do: pure functions of the ledger's state and one intent, a function a row of the catalogue in
// docs/protocol.md. They write nothing and send nothing; the dispatcher commits what they return.
// Threads: any (values).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/json.hpp"
#include "control/keys.hpp"
#include "control/ledger.hpp"
#include "gstx/result.hpp"
#include "scene/camera.hpp"

namespace napari::control {

// One state.update, taken apart. Scope and key are lower case and trimmed, the target is trimmed.
struct Intent {
  std::string scope;
  std::string target;
  std::string key;
  JsonView value;
};

// What an accepted intent does.
struct Outcome {
  Transaction transaction;
  Key answered;              // its version goes into the ack
  std::string applied_json;  // applied_value; empty: absent
  std::optional<scene::CameraCommand> camera;
  std::string camera_mode;  // the echo's mode; empty: no echo
  std::string layer_id;     // the layer whose controls are told even if they did not change
  std::vector<std::string> layer_controls;
  bool keyframe{false};  // the next frame shall be an IDR
};

// invalid_argument becomes state.invalid, unsupported state.unsupported, everything else state.error.
using Reduced = gstx::Result<Outcome>;
using Handler = Reduced (*)(const LedgerState&, const Intent&);

// The only switch: null when no row has this scope and key. `scope_known` says whether the scope at least exists.
struct HandlerLookup {
  Handler handler{nullptr};
  bool scope_known{false};
};
[[nodiscard]] HandlerLookup find_handler(std::string_view scope, std::string_view key);

// Looks up and runs the handler; an unknown scope or key is invalid_argument.
[[nodiscard]] Reduced reduce(const LedgerState& state, const Intent& intent);

[[nodiscard]] const char* state_code(gstx::ErrorCode code);

namespace handle {

Reduced ndisplay(const LedgerState& state, const Intent& intent);
Reduced dims_index(const LedgerState& state, const Intent& intent);
Reduced dims_step(const LedgerState& state, const Intent& intent);
Reduced camera_zoom(const LedgerState& state, const Intent& intent);
Reduced camera_pan(const LedgerState& state, const Intent& intent);
Reduced camera_orbit(const LedgerState& state, const Intent& intent);
Reduced camera_reset(const LedgerState& state, const Intent& intent);
Reduced camera_set(const LedgerState& state, const Intent& intent);
Reduced layer_visible(const LedgerState& state, const Intent& intent);
Reduced layer_opacity(const LedgerState& state, const Intent& intent);
Reduced layer_gamma(const LedgerState& state, const Intent& intent);
Reduced layer_colormap(const LedgerState& state, const Intent& intent);
Reduced layer_contrast_limits(const LedgerState& state, const Intent& intent);
Reduced layer_rendering(const LedgerState& state, const Intent& intent);
Reduced layer_blending(const LedgerState& state, const Intent& intent);
Reduced layer_interpolation(const LedgerState& state, const Intent& intent);
Reduced layer_attenuation(const LedgerState& state, const Intent& intent);
Reduced layer_iso_threshold(const LedgerState& state, const Intent& intent);
Reduced layer_depiction(const LedgerState& state, const Intent& intent);
Reduced volume_render_mode(const LedgerState& state, const Intent& intent);
Reduced volume_contrast_limits(const LedgerState& state, const Intent& intent);
Reduced volume_colormap(const LedgerState& state, const Intent& intent);
Reduced volume_opacity(const LedgerState& state, const Intent& intent);
Reduced volume_sample_step(const LedgerState& state, const Intent& intent);
Reduced multiscale_level(const LedgerState& state, const Intent& intent);
Reduced multiscale_policy(const LedgerState& state, const Intent& intent);

}  // namespace handle

// Shorthands of the handlers.
[[nodiscard]] tl::unexpected<gstx::Error> refuse(std::string message);  // state.invalid
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string trim(std::string_view text);

}  // namespace napari::control
