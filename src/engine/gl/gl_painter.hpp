// Draws plans with compute shaders: owns every GL object of one drawer and issues its dispatches. Knows no threads.
// Threads: [gl], construction and destruction included. The picture is defined in docs/drawing.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/drawer.hpp"
#include "engine/gl/band_pacer.hpp"
#include "engine/gl/colour_table.hpp"
#include "engine/gl/frame_store.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl/gl_program.hpp"
#include "engine/gl/slice_layout.hpp"
#include "engine/gl/stand_ins.hpp"
#include "engine/gl/texture_pool.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class GlPainter {
 public:
  GlPainter(GlContext& context, const GlDrawerOptions& options);

  // Compiles what every picture needs, so that a driver that cannot is found out at the start.
  [[nodiscard]] gstx::Result<void> warm_up();
  struct How {
    bool skipping{true};
    // Viewers who go on looking, and whom somebody listens for (listen_better), are shown another volume of the same layer while
    // the one of a moving plan is being uploaded.
    PictureFor whom{PictureFor::caller};
    // Where the picture cannot do without blocks that are being uploaded, they are put here, and nothing is painted: wait for
    // them on another thread and come again. Null: this thread waits.
    std::vector<UploadPtr>* missing{nullptr};
  };
  // A checked plan (check_plan). The GPU may still be drawing for a moment when this returns: its later commands come after.
  [[nodiscard]] gstx::Result<void> paint(const data::RenderPlan& plan, const CodesTarget& target,
                                         const How& how, const std::stop_token& stop);
  // [any] False where `stop` came first.
  [[nodiscard]] bool wait(const Upload& upload, const std::stop_token& stop) {
    return textures_.uploader().wait(upload, stop);
  }
  // [any] As Drawer::listen_better.
  void listen_better(std::function<void()> better) {
    textures_.uploader().listen(std::move(better));
  }
  [[nodiscard]] const PoolStats& pool_stats() const { return textures_.stats(); }

 private:
  // What all layers of one picture share.
  struct Pass {
    const data::RenderPlan& plan;
    data::CanvasSize size;  // drawn
    bool only_layer;
    bool skipping;
    bool stands_in;
    const std::stop_token& stop;
    std::vector<SliceLayout> slices;  // a layer, 2-D
    std::vector<PoolBlock> blocks;    // in the order in which they are painted
  };

  // Starts what the picture lacks and returns what has to be waited for.
  [[nodiscard]] std::vector<UploadPtr> start_uploads(const Pass& pass, PictureFor whom);
  [[nodiscard]] std::optional<data::VolumeBlock> stand_in(std::size_t layer,
                                                          const Pass& pass) const;
  [[nodiscard]] gstx::Result<void> paint_layers(const Pass& pass);
  [[nodiscard]] gstx::Result<void> paint_slice(std::size_t layer, const Pass& pass);
  [[nodiscard]] gstx::Result<void> paint_patch(const data::PlanLayer& layer,
                                               const data::PlanePatch& patch,
                                               const std::vector<PixelRect>& parts,
                                               std::pair<int, int> axis_start, const Pass& pass);
  [[nodiscard]] gstx::Result<void> paint_volume(std::size_t index, const Pass& pass);
  [[nodiscard]] gstx::Result<void> resolve(const Pass& pass);
  // A volume, its bricks and its program, ready for a dispatch.
  [[nodiscard]] gstx::Result<void> bind_volume(const data::VolumeBlock& volume,
                                               data::Interpolation interpolation, const Pass& pass);
  // Compiles on first use.
  [[nodiscard]] gstx::Result<GlProgram*> program(const std::string& shader,
                                                 const std::vector<std::string>& defines);
  [[nodiscard]] gstx::Result<GlProgram*> slice_program(data::DType dtype,
                                                       data::Interpolation interpolation);
  [[nodiscard]] gstx::Result<GlProgram*> volume_program(data::DType dtype,
                                                        data::Interpolation interpolation,
                                                        bool filtered);
  [[nodiscard]] gstx::Result<void> set_colours(const data::Transfer& transfer, data::DType dtype,
                                               data::Interpolation interpolation, const Pass& pass);

  GlContext& context_;
  const bool filters_;  // moving volumes are interpolated by the texture unit
  TexturePool textures_;
  StandIns stand_ins_;
  FrameStore frame_;
  std::map<std::string, GlProgram> programs_;
  StreamBuffer colours_, axes_, rays_, no_bricks_;
  // What colours_ holds: a table of 65536 entries is not computed anew for every picture.
  data::Transfer table_of_;
  std::pair<data::DType, data::Interpolation> table_for_{};
  ColourTable table_;
  BandPacer slice_pacer_;
  BandPacer mip_pacer_;
};

}  // namespace napari::engine
