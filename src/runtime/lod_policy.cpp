#include "runtime/lod_policy.hpp"

#include <cstddef>
#include <cstdlib>

namespace napari::runtime {

LodState choose_level(const LodState& state, std::span<const double> oversampling,
                      std::int64_t now_ns, const LodThresholds& thresholds) {
  const int coarsest = static_cast<int>(oversampling.size()) - 1;
  const auto at = [&](int level) { return oversampling[static_cast<std::size_t>(level)]; };
  if (state.level < 0 || state.level > coarsest) {
    int level = 0;
    while (level < coarsest && at(level) > thresholds.coarser_at) ++level;
    return {level, now_ns};
  }
  int level = state.level;
  while (level > 0 && at(level - 1) <= thresholds.finer_at) --level;
  while (level < coarsest && at(level) > thresholds.coarser_at) ++level;
  if (level == state.level) return state;
  const bool cooling = now_ns - state.changed_ns < thresholds.cooldown_ns;
  if (cooling && std::abs(level - state.level) == 1) return state;
  return {level, now_ns};
}

}  // namespace napari::runtime
