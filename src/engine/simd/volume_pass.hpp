// Draws the maximum intensity projections of 3-D layers into tiles. Knows rays and volumes; the marching is mip_row's.
// Threads: prepare first, then `draw_tile` from any number of threads at once, each its own tile. Owns: nothing but views.
#pragma once

#include <memory>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/drawer.hpp"
#include "engine/simd/kernels.hpp"
#include "engine/simd/volume_cache.hpp"
#include "engine/transfer_table.hpp"
#include "gstx/result.hpp"

namespace napari::engine::simd {

class VolumePass {
 public:
  static constexpr int kTileRows = 8;
  static constexpr int kTileColumns = kMipRaysMax;

  struct Params {
    const data::RenderPlan& plan;
    const CpuTarget& target;
    const std::vector<TransferTablePtr>& tables;  // one entry a layer
    VolumeCache& cache;
    ThreadPool& pool;
    bool skipping;
  };
  // Everything is borrowed until the pass is gone, except that the blocks drawn are kept alive.
  [[nodiscard]] static gstx::Result<VolumePass> make(const Params& params);
  [[nodiscard]] int tiles() const;
  void draw_tile(int tile) const;

 private:
  struct Layer {
    MipVolume volume;
    data::Vec3 origin, spacing;
    const TransferTable* table;
    data::VoxelBlockPtr block;
    std::shared_ptr<const Reach> reach;
  };
  struct Pixels;  // a row of a tile

  VolumePass(const data::RenderPlan& plan, const CpuTarget& target)
      : plan_(plan), target_(target) {}
  gstx::Result<void> add_layer(const data::VolumeBlock& volume, const TransferTable* table,
                               bool linear, const Params& params);
  [[nodiscard]] MipRays rays(const Layer& layer, const Pixels& pixels) const;
  void draw_row(const Pixels& pixels) const;

  const data::RenderPlan& plan_;
  const CpuTarget& target_;
  std::vector<Layer> layers_;
};

}  // namespace napari::engine::simd
