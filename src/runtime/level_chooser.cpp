#include "runtime/level_chooser.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "data/level_budget.hpp"
#include "runtime/tile_grid.hpp"

namespace napari::runtime {
namespace {

// Voxel planes that a ray crosses.
double planes_of(const LevelSlice& slice) {
  return static_cast<double>(*std::max_element(slice.shape.begin(), slice.shape.end()));
}

LodState choose(const LodState& state, const Subject& subject, double world_per_px,
                const LevelContext& context) {
  std::vector<double> samples;
  for (const auto& slice : subject.slicing.levels)
    samples.push_back(oversampling(slice, world_per_px));
  LodThresholds thresholds;
  if (!context.moving) thresholds.cooldown_ns = 0;
  return choose_level(state, samples, context.now_ns, thresholds);
}

// All of them are held at a time.
bool fits(const std::vector<LevelSlice>& levels, const std::set<int>& together,
          std::int64_t bytes_max) {
  double sum = 0;
  for (const int level : together)
    sum += static_cast<double>(levels[static_cast<std::size_t>(level)].bytes());
  return sum <= static_cast<double>(bytes_max);
}

// A level's volume with the next coarser one and the coarsest, which are shown until it is there.
bool fits_with_coarser(const std::vector<LevelSlice>& levels, int level, int coarsest,
                       std::int64_t bytes_max) {
  return fits(levels, {level, std::min(level + 1, coarsest), coarsest}, bytes_max);
}

}  // namespace

int coarsest_of(const Subject& subject) {
  std::vector<int> axes;
  for (const int axis : subject.slicing.levels.front().axes)
    if (axis != kNoAxis) axes.push_back(axis);
  return data::coarsest_level(subject.source->info().levels, axes);
}

void LevelChooser::reset() {
  lod_ = {};
  volume_ = {-1, -1, -1};
}

int LevelChooser::plane_level(const Subject& subject, const LevelContext& context) {
  lod_[0] = choose(lod_[0], subject, 1 / context.pose.plane.zoom, context);
  return context.snapshot.level_pinned ? context.snapshot.dims.current_level : lod_[0].level;
}

VolumeLevels LevelChooser::volume_levels(const Subject& subject, const LevelContext& context,
                                         std::int64_t bytes_max) {
  const auto& levels = subject.slicing.levels;
  const int coarsest = coarsest_of(subject);
  const int pinned = context.snapshot.dims.current_level;
  const auto planes = [&](int level) { return planes_of(levels[static_cast<std::size_t>(level)]); };
  lod_[1] =
      choose(lod_[1], subject, scene::world_per_px(context.pose.volume, context.canvas), context);
  if (context.snapshot.level_pinned && fits_with_coarser(levels, pinned, coarsest, bytes_max)) {
    volume_ = {pinned, pinned, pinned};
    return volume_;
  }
  const int wanted = std::min(lod_[1].level, coarsest);
  VolumeLevels chosen;
  chosen.still = wanted;
  while (chosen.still < coarsest &&
         (!fits_with_coarser(levels, chosen.still, coarsest, bytes_max) ||
          !governor_.affords_still(planes(chosen.still), chosen.still == volume_.still,
                                   kStillBudgetMs)))
    ++chosen.still;
  chosen.moving = chosen.still;
  while (chosen.moving < coarsest &&
         !governor_.affords_moving(planes(chosen.moving), chosen.moving == volume_.moving))
    ++chosen.moving;
  chosen.finest = wanted;
  while (chosen.finest < chosen.still &&
         (!fits(levels, {chosen.finest, chosen.still, chosen.moving, coarsest}, bytes_max) ||
          !governor_.affords_still(planes(chosen.finest), chosen.finest == volume_.finest,
                                   kFinestBudgetMs)))
    ++chosen.finest;
  volume_ = chosen;
  return chosen;
}

DrawLoad LevelChooser::moving_load(const Subject& subject) const {
  if (subject.slicing.ndisplay == 2 || volume_.moving < 0) return {subject.slicing.ndisplay, 1};
  return {3, planes_of(subject.slicing.levels[static_cast<std::size_t>(volume_.moving)])};
}

}  // namespace napari::runtime
