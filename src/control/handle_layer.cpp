#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "control/handlers.hpp"
#include "data/colormap.hpp"
#include "scene/json_text.hpp"

namespace napari::control::handle {
namespace {

using keys::Doubles;

gstx::Result<void> check_layer(const LedgerState& state, const Intent& intent) {
  if (has_layer(state, intent.target)) return {};
  return refuse(fmt::format("unknown layer '{}'", intent.target));
}

template <typename T>
Outcome layer_outcome(const Intent& intent, T value) {
  Outcome outcome;
  const auto key = keys::layer<T>(intent.target, intent.key);
  outcome.applied_json = scene::to_json(value);
  outcome.transaction.set(key, std::move(value));
  outcome.answered = key.key;
  outcome.layer_id = intent.target;
  outcome.layer_controls = {intent.key};
  return outcome;
}

gstx::Result<double> read_number(const Intent& intent) {
  const auto value = intent.value.number();
  if (!value) return refuse(fmt::format("{} must be a finite number", intent.key));
  return *value;
}

gstx::Result<std::string> read_name(const Intent& intent) {
  const auto text = intent.value.string();
  if (!text || trim(*text).empty()) return refuse(fmt::format("{} must be a name", intent.key));
  return lower(trim(*text));
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A name that acts is applied, one that napari knows is unsupported, any other is invalid.
template <std::size_t A, std::size_t K>
Reduced choose(const Intent& intent, const std::array<std::string_view, A>& acting,
               const std::array<std::string_view, K>& known) {
  GSTX_ASSIGN_OR_RETURN(std::string name, read_name(intent));
  if (contains(acting, name)) return layer_outcome(intent, std::move(name));
  const std::string choice =
      fmt::format("{} '{}' is not among {}", intent.key, name, fmt::join(acting, ", "));
  if (contains(known, name)) return gstx::fail(gstx::ErrorCode::unsupported, choice);
  return refuse(choice);
}

// A parameter of a rendering that is not drawn.
Reduced no_such_rendering(const Intent& intent, std::string_view rendering) {
  GSTX_TRY(read_number(intent));
  return gstx::fail(gstx::ErrorCode::unsupported,
                    fmt::format("{} acts with the rendering '{}' only, which is not drawn",
                                intent.key, rendering));
}

std::optional<std::array<double, 2>> read_limits(const JsonView& value) {
  if (const auto pair = value.numbers(2)) return std::array{(*pair)[0], (*pair)[1]};
  const auto low = value.member("lo").number();
  const auto high = value.member("hi").number();
  if (low && high) return std::array{*low, *high};
  return std::nullopt;
}

}  // namespace

Reduced layer_visible(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  if (const auto boolean = intent.value.boolean()) return layer_outcome<bool>(intent, *boolean);
  if (const auto number = intent.value.number()) return layer_outcome<bool>(intent, *number != 0);
  if (const auto text = intent.value.string()) {
    constexpr std::array<std::string_view, 4> kYes = {"yes", "on", "1", "true"};
    constexpr std::array<std::string_view, 4> kNo = {"no", "off", "0", "false"};
    const std::string word = lower(trim(*text));
    if (contains(kYes, word)) return layer_outcome<bool>(intent, true);
    if (contains(kNo, word)) return layer_outcome<bool>(intent, false);
  }
  return refuse("visible must be a boolean");
}

Reduced layer_opacity(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  GSTX_ASSIGN_OR_RETURN(const double value, read_number(intent));
  return layer_outcome<double>(intent, std::clamp(value, 0.0, 1.0));
}

Reduced layer_gamma(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  GSTX_ASSIGN_OR_RETURN(const double value, read_number(intent));
  constexpr double kGammaMax = 1e3;
  if (value <= 0 || value > kGammaMax) {
    return gstx::fail(gstx::ErrorCode::failed_precondition,
                      fmt::format("gamma {} not above 0 and at most {}", value, kGammaMax));
  }
  return layer_outcome<double>(intent, value);
}

Reduced layer_colormap(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  const auto text = intent.value.string();
  const auto* table = text ? data::find_colormap(trim(*text)) : nullptr;
  if (table == nullptr) {
    return refuse(fmt::format("unknown colormap '{}'", text.value_or("(not a name)")));
  }
  return layer_outcome<std::string>(intent, table->name);
}

Reduced layer_contrast_limits(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  auto limits = read_limits(intent.value);
  if (!limits) return refuse("contrast_limits must be two finite numbers");
  if ((*limits)[0] > (*limits)[1]) std::swap((*limits)[0], (*limits)[1]);
  if ((*limits)[0] == (*limits)[1] || !std::isfinite((*limits)[1] - (*limits)[0])) {
    return refuse(
        fmt::format("contrast limits {} and {} do not span a range", (*limits)[0], (*limits)[1]));
  }
  return layer_outcome<Doubles>(intent, {(*limits)[0], (*limits)[1]});
}

Reduced layer_rendering(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  constexpr std::array<std::string_view, 1> kActing = {"mip"};
  constexpr std::array<std::string_view, 6> kKnown = {"attenuated_mip", "translucent", "iso",
                                                      "additive",       "average",     "minip"};
  return choose(intent, kActing, kKnown);
}

Reduced layer_blending(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  // One layer over black looks the same in these four.
  constexpr std::array<std::string_view, 4> kActing = {"opaque", "translucent",
                                                       "translucent_no_depth", "additive"};
  constexpr std::array<std::string_view, 4> kKnown = {"minimum", "multiplicative", "maximum",
                                                      "average"};
  return choose(intent, kActing, kKnown);
}

Reduced layer_interpolation(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  constexpr std::array<std::string_view, 2> kActing = {"nearest", "linear"};
  constexpr std::array<std::string_view, 13> kKnown = {
      "cubic",   "bessel", "blackman", "catrom",   "gaussian", "hamming", "hanning",
      "hermite", "kaiser", "lanczos",  "mitchell", "spline16", "spline36"};
  return choose(intent, kActing, kKnown);
}

Reduced layer_attenuation(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  return no_such_rendering(intent, "attenuated_mip");
}

Reduced layer_iso_threshold(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  return no_such_rendering(intent, "iso");
}

Reduced layer_depiction(const LedgerState& state, const Intent& intent) {
  GSTX_TRY(check_layer(state, intent));
  GSTX_ASSIGN_OR_RETURN(const std::string name, read_name(intent));
  if (name == "plane") {
    return gstx::fail(gstx::ErrorCode::unsupported, "depiction 'plane' is not among volume");
  }
  if (name != "volume") return refuse(fmt::format("depiction '{}' is not among volume", name));
  // What is drawn already: nothing is stored, and no notify may carry it (the control set is closed).
  Outcome outcome;
  outcome.answered = {Scope::layer, intent.target, intent.key};
  outcome.applied_json = scene::to_json(name);
  return outcome;
}

}  // namespace napari::control::handle
