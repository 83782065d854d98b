// Learns what drawing costs and says what can be afforded: the resolution while the view moves, and how many voxel planes of a
// volume may be projected. Pure arithmetic on measurements. Threads: one (render).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "data/types.hpp"

namespace napari::runtime {

// Steps and not a continuum: every size costs a reallocation, and a picture that breathes is worse than a coarse one.
inline constexpr std::array<double, 5> kDrawScales{1.0, 0.75, 0.5, 0.375, 0.25};
inline constexpr double kStillBudgetMs = 400;  // a still picture of a volume

// What a picture's cost grows with, besides its pixels: 1 for a plane, else the voxel planes a ray crosses.
struct DrawLoad {
  int ndisplay{2};
  double planes{1};
};

class DrawGovernor {
 public:
  DrawGovernor(data::CanvasSize canvas, int fps);

  // A picture drawn at `scale` took this long. `moving`: it was drawn under the rate, and adapts the scale.
  void on_drawn(const DrawLoad& load, double scale, double draw_ms, bool moving);
  // Motion begins: a scale that would clearly fail is not tried first.
  void prepare_motion(const DrawLoad& load);
  // Conversion and encoding of one picture.
  void on_encoded(double encode_ms);

  [[nodiscard]] double moving_scale(int ndisplay) const {
    return kDrawScales[step_[index(ndisplay)]];
  }
  [[nodiscard]] double predicted_ms(const DrawLoad& load, double scale) const;
  // What drawing may take while moving: the frame's time less what encoding needs of the shared cores.
  [[nodiscard]] double allowed_ms() const;
  // Whether a volume of so many planes can be drawn at a tolerable scale while moving, or as a still picture. `held`:
  // it is what is being drawn now, and is given up only where it clearly fails.
  [[nodiscard]] bool affords_moving(double planes, bool held) const;
  [[nodiscard]] bool affords_still(double planes, bool held) const;

 private:
  static std::size_t index(int ndisplay) { return ndisplay >= 3 ? 1 : 0; }

  double pixels_;
  double frame_ms_;
  double encode_ms_{0};
  std::array<double, 2> ns_per_sample_;  // 2-D: a pixel; 3-D: a pixel and plane
  std::array<bool, 2> measured_{false, false};
  std::array<std::size_t, 2> step_{0, 0};
  std::array<int, 2> calm_{0, 0};  // pictures in a row that a finer scale would have afforded
};

}  // namespace napari::runtime
