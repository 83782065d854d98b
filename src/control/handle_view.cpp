#include <fmt/format.h>

#include "control/handlers.hpp"
#include "scene/json_text.hpp"

namespace napari::control::handle {
namespace {

// Python's int(): null means 2, "3" and 3.0 are 3, anything else is nothing.
std::optional<std::int64_t> lenient_ndisplay(const JsonView& value) {
  if (value.is_null()) return 2;
  if (const auto boolean = value.boolean()) return *boolean ? 1 : 0;
  if (const auto number = value.number()) {
    return *number >= 3 ? 3 : 2;
  }
  if (const auto text = value.string()) {
    const std::string digits = trim(*text);
    if (!digits.empty() && digits.size() <= 9 &&
        digits.find_first_not_of("0123456789", digits[0] == '-' ? 1 : 0) == std::string::npos &&
        digits != "-") {
      return std::stoll(digits);
    }
  }
  return std::nullopt;
}

}  // namespace

Reduced ndisplay(const LedgerState& state, const Intent& intent) {
  const auto asked = lenient_ndisplay(intent.value);
  if (!asked) return refuse("ndisplay must be 2 or 3");
  const std::int64_t applied = *asked >= 3 ? 3 : 2;
  const auto axes = state.get(keys::kAxisLabels).size();
  if (applied > static_cast<std::int64_t>(axes)) {
    return gstx::fail(gstx::ErrorCode::failed_precondition,
                      fmt::format("a volume needs 3 axes, the data has {}", axes));
  }
  Outcome outcome;
  outcome.transaction.set<std::int64_t>(keys::kNdisplay, applied);
  outcome.answered = keys::kNdisplay.key;
  outcome.applied_json = scene::to_json(applied);
  outcome.keyframe = applied != state.get(keys::kNdisplay);
  return outcome;
}

}  // namespace napari::control::handle
