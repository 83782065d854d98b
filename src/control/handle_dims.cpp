#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "control/handlers.hpp"
#include "scene/json_text.hpp"

namespace napari::control::handle {
namespace {

// A JSON integer; a boolean counts as 0 or 1, as in the client's language.
std::optional<std::int64_t> strict_integer(const JsonView& value) {
  if (const auto boolean = value.boolean()) return *boolean ? 1 : 0;
  return value.integer();
}

// By label in any case, else by decimal number.
std::optional<std::size_t> find_axis(const std::vector<std::string>& labels,
                                     const std::string& target) {
  const std::string wanted = lower(target);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (lower(labels[i]) == wanted) return i;
  }
  std::size_t number = 0;
  const auto* end = target.data() + target.size();
  const auto [rest, status] = std::from_chars(target.data(), end, number);
  if (status != std::errc{} || rest != end || number >= labels.size()) return std::nullopt;
  return number;
}

Reduced move_axis(const LedgerState& state, const Intent& intent, bool relative) {
  const auto value = strict_integer(intent.value);
  if (!value) return refuse(fmt::format("{} must be integer", intent.key));
  const auto& labels = state.get(keys::kAxisLabels);
  const auto axis = find_axis(labels, intent.target);
  if (!axis) {
    return gstx::fail(gstx::ErrorCode::not_found,
                      fmt::format("no axis '{}' among {}", intent.target, fmt::join(labels, ", ")));
  }
  auto step = state.get(keys::kCurrentStep);
  const std::int64_t last = std::max<std::int64_t>(read_shape(state).at(*axis) - 1, 0);
  // Both summands have at most 18 digits: no overflow.
  const std::int64_t wanted = *value + (relative ? step.at(*axis) : 0);
  step[*axis] = std::clamp<std::int64_t>(wanted, 0, last);
  Outcome outcome;
  outcome.applied_json = scene::to_json(step[*axis]);
  outcome.transaction.set(keys::kCurrentStep, std::move(step));
  outcome.answered = keys::kCurrentStep.key;
  return outcome;
}

}  // namespace

Reduced dims_index(const LedgerState& state, const Intent& intent) {
  return move_axis(state, intent, false);
}

Reduced dims_step(const LedgerState& state, const Intent& intent) {
  return move_axis(state, intent, true);
}

}  // namespace napari::control::handle
