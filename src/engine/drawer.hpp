// The one drawing interface; `simd/` and `gl/` implement it and agree to one code value.
// Threads: one caller at a time (the Renderer's lock); the SIMD drawer uses its own pool inside.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <variant>

#include "data/render_plan.hpp"
#include "engine/gpu_frame.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// RGBA8 rows, top first; alpha is written 255. width and height are the drawn size.
struct CpuTarget {
  std::span<std::uint8_t> rgba;
  std::size_t stride_bytes{0};
  data::CanvasSize size;
};
// A frame of the same drawer; its size is the drawn size.
struct GpuTarget {
  GpuFramePtr frame;
};
using DrawTarget = std::variant<CpuTarget, GpuTarget>;

class Drawer {
 public:
  Drawer() = default;
  Drawer(const Drawer&) = delete;
  Drawer& operator=(const Drawer&) = delete;
  virtual ~Drawer() = default;

  [[nodiscard]] virtual std::string name() const = 0;  // [any] "cpu (AVX2, 2 threads)"

  // [any] Whether it draws in a GPU's memory: it then makes frames and fills GpuTargets as well.
  [[nodiscard]] virtual bool draws_on_gpu() const { return false; }
  // A frame of unspecified contents; `unavailable` where the bound on frames alive is reached or memory is short.
  [[nodiscard]] virtual gstx::Result<GpuFramePtr> make_frame(data::CanvasSize size) {
    return gstx::fail(gstx::ErrorCode::unsupported,
                      size.width_px > 0 ? "this drawer has no GPU" : "a frame without pixels");
  }

  // Fills the whole target. The target may be smaller than plan.canvas (draw_scale): pixel (i, j) then samples canvas
  // coordinates ((i + 0.5) * canvas.width / size.width, …). A requested stop ends it early with `unavailable`.
  // Errors tell what may help: `internal`, the back end is broken (a lost context, a hung fence) and another may draw this;
  // `unavailable` without a stop, memory is short; `unsupported`, this back end can never draw this plan; and
  // `failed_precondition`, the target is of a back end that is gone: ask draws_on_gpu again, draw into a new target.
  [[nodiscard]] virtual gstx::Result<void> draw(const data::RenderPlan& plan,
                                                const DrawTarget& target, std::stop_token stop) = 0;

  // `lost` is called, in any thread that uses a frame, when one that was drawn turns out not to be readable: what is shown has
  // to be drawn again. Not after the drawer is gone. Null: no more.
  virtual void listen_lost(const std::function<void()>& /*lost*/) {}

  // A drawer that somebody listens to may draw a moving plan's GpuTarget with what it showed last in the place of a volume that
  // is not in the GPU's memory yet; `better` is called, in any thread, once drawing the same plan again gives a better picture.
  // Still plans and CpuTargets are always drawn as they are. No call runs after the one that sets null.
  virtual void listen_better(const std::function<void()>& /*better*/) {}

  // Empty-space skipping never changes a bit of the picture; off only for tests and benchmarks.
  virtual void set_skipping(bool enabled) = 0;
};

}  // namespace napari::engine
