// Learns what drawing costs and says what can be afforded: the resolution while the view moves, and how many voxel planes of a
// volume may be projected. Pure arithmetic on measurements. Threads: one (render).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "data/types.hpp"

namespace napari::runtime {

// Steps and not a continuum: every size costs a reallocation, and a picture that breathes is worse than a coarse one.
inline constexpr std::array<double, 5> kDrawScales{1.0, 0.75, 0.5, 0.375, 0.25};
inline constexpr double kStillBudgetMs = 400;    // a volume's first still picture after motion
inline constexpr double kFinestBudgetMs = 2000;  // and the one that follows while nothing happens

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
    return kDrawScales[modes_[index(ndisplay)].step];
  }
  // From pictures of the same load where there were any, else from the cheapest that others suggest.
  [[nodiscard]] double predicted_ms(const DrawLoad& load, double scale, bool moving) const;
  // What drawing may take while moving: the frame's time less what encoding needs of the shared cores.
  [[nodiscard]] double allowed_ms() const;
  // Whether a volume of so many planes can be drawn at a tolerable scale while moving, or as a still picture. `held`:
  // it is what is being drawn now, and is given up only where it clearly fails.
  [[nodiscard]] bool affords_moving(double planes, bool held) const;
  [[nodiscard]] bool affords_still(double planes, bool held, double budget_ms) const;

 private:
  // Small and full pictures are learnt apart: what does not grow with the pixels weighs more in small ones.
  struct Known {
    double planes{1};
    bool moving{false};
    double ns_per_px{0};
  };
  struct Mode {
    std::vector<Known> known;
    std::size_t step{0};  // of kDrawScales
    double draw_ms{0};    // smoothed, at this step; 0: none yet
    int calm{0};          // pictures in a row that left room for a finer scale
    int calm_needed{0};   // before a finer scale is tried that may fail
    bool trying{false};   // the step is such a try
  };
  static std::size_t index(int ndisplay) { return ndisplay >= 3 ? 1 : 0; }
  void learn(Mode& mode, const DrawLoad& load, double ns_per_px, bool moving);
  void adapt(Mode& mode, double draw_ms);
  static void take_step(Mode& mode, std::size_t step);

  double pixels_;
  double frame_ms_;
  double encode_ms_{0};
  std::array<Mode, 2> modes_;  // 2-D, 3-D
};

}  // namespace napari::runtime
