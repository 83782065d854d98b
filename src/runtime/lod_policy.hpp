// Which pyramid level is right for the magnification. Pure: the state goes in and comes out. Two thresholds, so that
// a view that rests on a boundary does not flip, and a cooldown while it moves. Threads: any.
#pragma once

#include <cstdint>
#include <span>

namespace napari::runtime {

// Oversampling of a level: its voxels per canvas pixel, along the worse axis. Above 1 voxels are skipped.
struct LodThresholds {
  double finer_at{1.05};    // a finer level is taken once it has no more than this
  double coarser_at{1.35};  // the level is given up once it has more than this
  std::int64_t cooldown_ns{150'000'000};
};

struct LodState {
  int level{-1};  // -1: not chosen yet
  std::int64_t changed_ns{0};
  bool operator==(const LodState&) const = default;
};

// `oversampling` has an entry a level, finest first, and is not empty. A change by one level within the cooldown is put off.
[[nodiscard]] LodState choose_level(const LodState& state, std::span<const double> oversampling,
                                    std::int64_t now_ns, const LodThresholds& thresholds = {});

}  // namespace napari::runtime
