#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "control/handlers.hpp"
#include "scene/json_text.hpp"
#include "scene/scene_builder.hpp"

namespace napari::control::handle {
namespace {

std::optional<std::int64_t> read_level(const JsonView& value) {
  if (const auto whole = value.integer()) return whole;
  if (const auto text = value.string()) {
    const std::string digits = trim(*text);
    std::int64_t level = 0;
    const auto* end = digits.data() + digits.size();
    const auto [rest, status] = std::from_chars(digits.data(), end, level);
    if (status == std::errc{} && rest == end) return level;
  }
  return std::nullopt;
}

}  // namespace

Reduced multiscale_level(const LedgerState& state, const Intent& intent) {
  const auto text = intent.value.string();
  const bool automatic = text && lower(trim(*text)) == "auto";
  const auto asked = automatic ? std::optional<std::int64_t>(0) : read_level(intent.value);
  if (!asked) return refuse("level must be an integer or \"auto\"");
  const auto image = read_image(state);
  const std::int64_t last =
      image == nullptr ? 0 : static_cast<std::int64_t>(image->info().levels.size()) - 1;
  const std::int64_t level = std::clamp<std::int64_t>(*asked, 0, last);
  Outcome outcome;
  if (image != nullptr) {
    outcome.transaction.set(
        keys::kCurrentStep,
        scene::rescale_step(image->info(), state.get(keys::kCurrentStep),
                            static_cast<int>(state.get(keys::kLevel)), static_cast<int>(level)));
    outcome.transaction.set(keys::kLevelPinned, !automatic);
  }
  outcome.transaction.set<std::int64_t>(keys::kLevel, level);
  outcome.answered = keys::kLevel.key;
  outcome.applied_json = scene::to_json(level);
  return outcome;
}

Reduced multiscale_policy(const LedgerState&, const Intent&) {
  return gstx::fail(gstx::ErrorCode::unsupported, "the level policy is the server's own");
}

}  // namespace napari::control::handle
