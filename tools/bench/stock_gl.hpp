// The usual way to draw a volume or a slice with GL, as gpu_bench's yardstick: one blocking glTexSubImage of everything, a fragment
// shader over the whole canvas (a ray-march in steps of 0.8 voxels through a filtered texture, nothing skipped; or one look-up), a
// framebuffer of RGBA8 and glReadPixels. Threads: any but gl; each call blocks. Ownership: keeps its context, frees its GL objects.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/gl/gl_context.hpp"
#include "gstx/result.hpp"

namespace napari::bench {

class StockGl {
 public:
  [[nodiscard]] static gstx::Result<std::unique_ptr<StockGl>> make(int device);
  ~StockGl();
  StockGl(const StockGl&) = delete;
  StockGl& operator=(const StockGl&) = delete;

  // A u16 block; replaces the one before. Returns once the GPU has it.
  [[nodiscard]] gstx::Result<void> upload(const data::VoxelBlock& block);
  // The plan's view of what was uploaded, as RGBA8 in CPU memory. Reads the first layer's contrast limits; a gray map.
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan,
                                        std::vector<std::uint8_t>& rgba);

 private:
  explicit StockGl(std::shared_ptr<engine::GlContext> context);
  [[nodiscard]] gstx::Result<void> compile();                      // [gl]
  [[nodiscard]] gstx::Result<void> resize(data::CanvasSize size);  // [gl]
  void set_view(const data::RenderPlan& plan);                     // [gl]

  std::shared_ptr<engine::GlContext> context_;
  unsigned march_{0}, slice_{0}, vertices_{0}, texture_{0}, frame_{0}, colour_{0};
  data::CanvasSize size_{0, 0};  // of colour_
  bool is_volume_{false};
};

}  // namespace napari::bench
