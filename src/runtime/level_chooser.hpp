// Which levels a view should show: by magnification with hysteresis, and in 3-D also by memory and by the time that drawing takes.
// Threads: one (render). Borrows the governor.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/content.hpp"
#include "runtime/draw_governor.hpp"
#include "runtime/lod_policy.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::runtime {

struct LevelContext {
  const scene::RenderSnapshot& snapshot;
  const scene::CameraPose& pose;
  data::CanvasSize canvas;
  bool moving{false};
  std::int64_t now_ns{0};
};

struct VolumeLevels {
  int finest{0};  // once the still picture has been drawn
  int still{0};   // the same or coarser
  int moving{0};  // the same or coarser
};

class LevelChooser {
 public:
  explicit LevelChooser(const DrawGovernor& governor) : governor_(governor) {}

  [[nodiscard]] int plane_level(const Subject& subject, const LevelContext& context);
  // `bytes_max`: for all of these volumes and the coarsest, which are held at a time.
  [[nodiscard]] VolumeLevels volume_levels(const Subject& subject, const LevelContext& context,
                                           std::int64_t bytes_max);
  // What a picture of the moving view costs, as last chosen.
  [[nodiscard]] DrawLoad moving_load(const Subject& subject) const;
  void reset();

 private:
  const DrawGovernor& governor_;
  std::array<LodState, 2> lod_;  // 2-D, 3-D
  VolumeLevels volume_{-1, -1, -1};
};

// The level with the fewest displayed voxels.
[[nodiscard]] int coarsest_of(const Subject& subject);

}  // namespace napari::runtime
