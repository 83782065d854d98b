// The one drawing interface; `simd/` and `gl/` implement it and agree to one code value.
// Threads: one caller at a time (the Renderer's lock); the SIMD drawer uses its own pool inside.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <variant>

#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// RGBA8 rows, top first; alpha is written 255. width and height are the drawn size.
struct CpuTarget {
  std::span<std::uint8_t> rgba;
  std::size_t stride_bytes{0};
  data::CanvasSize size;
};
using DrawTarget = std::variant<CpuTarget>;  // gl and cuda targets come with the GPU road

class Drawer {
 public:
  Drawer() = default;
  Drawer(const Drawer&) = delete;
  Drawer& operator=(const Drawer&) = delete;
  virtual ~Drawer() = default;

  [[nodiscard]] virtual std::string name() const = 0;  // "cpu (AVX2, 2 threads)"

  // Fills the whole target. The target may be smaller than plan.canvas (draw_scale): pixel (i, j) then samples canvas
  // coordinates ((i + 0.5) * canvas.width / size.width, …). A requested stop ends it early with `unavailable`.
  [[nodiscard]] virtual gstx::Result<void> draw(const data::RenderPlan& plan,
                                                const DrawTarget& target, std::stop_token stop) = 0;

  // Empty-space skipping never changes a bit of the picture; off only for tests and benchmarks.
  virtual void set_skipping(bool enabled) = 0;
};

}  // namespace napari::engine
