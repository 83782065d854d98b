#include <cmath>

#include <fmt/format.h>

#include "control/handlers.hpp"
#include "scene/json_text.hpp"

namespace napari::control::handle {
namespace {

// Beyond these no view is meant, and the pose would leave what doubles can tell apart.
constexpr double kFactorMax = 1e6;
constexpr double kOffsetMax = 1e6;       // pixels or degrees in one command
constexpr double kCoordinateMax = 1e12;  // world units
constexpr double kFovMax = 120;          // degrees

gstx::Result<void> check_target(const Intent& intent) {
  if (intent.target.empty() || intent.target == "main") return {};
  return refuse(fmt::format("unknown camera '{}'", intent.target));
}

std::optional<double> bounded(const JsonView& value, double limit) {
  const auto number = value.number();
  return number && std::abs(*number) <= limit ? number : std::nullopt;
}

gstx::Result<std::array<double, 2>> read_offsets(const Intent& intent, const char* first,
                                                 const char* second) {
  const auto a = bounded(intent.value.member(first), kOffsetMax);
  const auto b = bounded(intent.value.member(second), kOffsetMax);
  if (!a || !b) {
    return refuse(fmt::format("{} needs {} and {}, numbers of at most {}", intent.key, first,
                              second, kOffsetMax));
  }
  return std::array{*a, *b};
}

// The counter makes every command a version of the scene, which a frame can then present.
Outcome camera_outcome(const LedgerState& state, const std::string& mode,
                       const scene::CameraCommand& command, std::string applied_json) {
  const auto count = keys::camera_count(mode);
  const std::int64_t* before = state.find(count);
  Outcome outcome;
  outcome.transaction.set<std::int64_t>(count, (before == nullptr ? 0 : *before) + 1);
  outcome.answered = count.key;
  outcome.camera = command;
  outcome.camera_mode = mode;
  outcome.applied_json = std::move(applied_json);
  return outcome;
}

std::string two_members(const char* first, double a, const char* second, double b) {
  scene::JsonText json;
  return json.begin_object().member(first, a).member(second, b).end_object().take();
}

bool in_range(const std::vector<double>& values, double limit) {
  for (const double value : values) {
    if (std::abs(value) > limit) return false;
  }
  return true;
}

gstx::Result<std::vector<double>> read_vector(const Intent& intent, const char* name,
                                              std::size_t count) {
  const auto values = intent.value.member(name).numbers(count);
  if (!values || !in_range(*values, kCoordinateMax)) {
    return refuse(fmt::format("{} must be {} numbers of at most {}", name, count, kCoordinateMax));
  }
  return *values;
}

gstx::Result<scene::CameraCommand> read_plane_set(const Intent& intent) {
  scene::CameraCommand command{.kind = scene::CameraCommandKind::set};
  if (const JsonView center = intent.value.member("center"); !center.is_null()) {
    GSTX_ASSIGN_OR_RETURN(const auto values,
                          read_vector(intent, "center", center.size() == 3 ? 3 : 2));
    command.center = data::Vec3{values[0], values[1], 0};
  }
  if (const JsonView zoom = intent.value.member("zoom"); !zoom.is_null()) {
    const auto value = zoom.number();
    if (!value || *value <= 0 || *value > kCoordinateMax || *value < 1 / kCoordinateMax) {
      return refuse("zoom must be a number above 0");
    }
    command.zoom = *value;
  }
  if (!intent.value.member("rect").is_null()) {
    GSTX_ASSIGN_OR_RETURN(const auto values, read_vector(intent, "rect", 4));
    if (values[2] <= 0 || values[3] <= 0)
      return refuse("rect must have a width and height above 0");
    command.rect = std::array{values[0], values[1], values[2], values[3]};
  }
  return command;
}

gstx::Result<scene::CameraCommand> read_volume_set(const Intent& intent) {
  scene::CameraCommand command{.kind = scene::CameraCommandKind::set};
  if (!intent.value.member("center").is_null()) {
    GSTX_ASSIGN_OR_RETURN(const auto values, read_vector(intent, "center", 3));
    command.center = data::Vec3{values[0], values[1], values[2]};
  }
  if (!intent.value.member("angles").is_null()) {
    GSTX_ASSIGN_OR_RETURN(const auto values, read_vector(intent, "angles", 3));
    if (!in_range(values, kOffsetMax)) return refuse("angles must be degrees");
    command.angles = data::Vec3{values[0], values[1], values[2]};
  }
  if (const JsonView fov = intent.value.member("fov"); !fov.is_null()) {
    const auto value = fov.number();
    if (!value || *value < 0 || *value > kFovMax) {
      return refuse(fmt::format("fov must be a number in 0..{}", kFovMax));
    }
    command.fov = *value;
  }
  return command;
}

std::string set_json(const scene::CameraCommand& command, bool volume) {
  scene::JsonText json;
  json.begin_object();
  if (command.center && volume) json.member("center", *command.center);
  if (command.center && !volume) {
    json.member("center", std::array{(*command.center)[0], (*command.center)[1]});
  }
  if (command.zoom) json.member("zoom", *command.zoom);
  if (command.angles) json.member("angles", *command.angles);
  if (command.rect) json.member("rect", *command.rect);
  if (command.fov) json.member("fov", *command.fov);
  return json.end_object().take();
}

}  // namespace

Reduced camera_zoom(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_target(intent));
  const auto factor = intent.value.member("factor").number();
  if (!factor || *factor < 1 / kFactorMax || *factor > kFactorMax) {
    return refuse(fmt::format("zoom needs a factor in {}..{}", 1 / kFactorMax, kFactorMax));
  }
  const auto anchor = intent.value.member("anchor_px").numbers(2);
  if (!anchor || !in_range(*anchor, kOffsetMax)) {
    return refuse(fmt::format("zoom needs anchor_px, two numbers of at most {}", kOffsetMax));
  }
  scene::JsonText json;
  json.begin_object().member("factor", *factor).member("anchor_px", *anchor).end_object();
  return camera_outcome(state, "zoom",
                        {.kind = scene::CameraCommandKind::zoom,
                         .factor = *factor,
                         .anchor_px = {(*anchor)[0], (*anchor)[1]}},
                        json.take());
}

Reduced camera_pan(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_target(intent));
  GSTX_ASSIGN_OR_RETURN(const auto delta, read_offsets(intent, "dx_px", "dy_px"));
  Outcome outcome =
      camera_outcome(state, "pan", {.kind = scene::CameraCommandKind::pan, .delta_px = delta},
                     two_members("dx_px", delta[0], "dy_px", delta[1]));
  if (delta[0] == 0 && delta[1] == 0) outcome.camera_mode.clear();
  return outcome;
}

Reduced camera_orbit(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_target(intent));
  GSTX_ASSIGN_OR_RETURN(const auto delta, read_offsets(intent, "d_az_deg", "d_el_deg"));
  return camera_outcome(state, "orbit",
                        {.kind = scene::CameraCommandKind::orbit, .delta_deg = delta},
                        two_members("d_az_deg", delta[0], "d_el_deg", delta[1]));
}

Reduced camera_reset(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_target(intent));
  constexpr std::size_t kReasonMax = 200;
  auto reason = intent.value.string();
  if (!reason) reason = intent.value.member("reason").string();
  std::string text = reason && !reason->empty() ? *reason : "state.update";
  if (text.size() > kReasonMax) return refuse("reason is longer than 200 bytes");
  scene::JsonText json;
  json.begin_object().member("reason", text).end_object();
  Outcome outcome =
      camera_outcome(state, "reset", {.kind = scene::CameraCommandKind::reset}, json.take());
  outcome.keyframe = true;
  return outcome;
}

Reduced camera_set(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_target(intent));
  if (!intent.value.is_object()) return refuse("set needs an object");
  const bool volume = state.get(keys::kNdisplay) >= 3 || !intent.value.member("angles").is_null() ||
                      !intent.value.member("fov").is_null();
  GSTX_ASSIGN_OR_RETURN(const scene::CameraCommand command,
                        volume ? read_volume_set(intent) : read_plane_set(intent));
  if (!command.center && !command.zoom && !command.angles && !command.rect && !command.fov) {
    return refuse(volume ? "set needs center, angles or fov in 3-D"
                         : "set needs center, zoom or rect in 2-D");
  }
  return camera_outcome(state, "set", command, set_json(command, volume));
}

}  // namespace napari::control::handle
