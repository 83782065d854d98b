// Draws the patches of 2-D layers into bands of rows. Knows values and columns; colours are shade_row's.
// Threads: prepare first, then `draw_band` from any number of threads at once, each its own band. Owns: the taps.
#pragma once

#include <cstdint>
#include <vector>

#include "data/render_plan.hpp"
#include "engine/drawer.hpp"
#include "engine/transfer_table.hpp"
#include "gstx/result.hpp"

namespace napari::engine::simd {

class PlanePass {
 public:
  static constexpr int kBandRows = 8;

  // Everything is borrowed until the pass is gone. `tables` has one entry a layer.
  [[nodiscard]] static gstx::Result<PlanePass> make(const data::RenderPlan& plan,
                                                    const CpuTarget& target,
                                                    const std::vector<TransferTablePtr>& tables);
  [[nodiscard]] int bands() const;
  void draw_band(int band) const;

 private:
  // Which columns and rows of the target a patch paints, and where in the block its columns come from.
  struct Patch {
    const data::PlanePatch* source;
    bool linear;
    int column_first, column_end;  // target pixels
    int row_first, row_end;
    std::int64_t block_column;  // of the row buffer's first element
    int block_columns;          // elements that the row buffer holds
    std::vector<std::int32_t> index;
    std::vector<float> weight;
  };
  struct Layer {
    std::vector<Patch> patches;
    const TransferTable* table;
    bool may_hold_infinity;
  };
  struct Scratch;

  PlanePass(const data::RenderPlan& plan, const CpuTarget& target) : plan_(plan), target_(target) {}
  gstx::Result<void> add_layer(const data::PlanLayer& layer, const TransferTable* table);
  void add_patch(const data::PlanePatch& patch, bool linear, Layer& layer);
  [[nodiscard]] double block_column(const data::PlanePatch& patch, int x) const;
  [[nodiscard]] double block_row(const data::PlanePatch& patch, int y) const;
  void fill_row(const Patch& patch, int y, Scratch& scratch, float* values) const;
  void draw_single(int first_row, int end_row, Scratch& scratch) const;
  void draw_layers(int first_row, int end_row, Scratch& scratch) const;
  [[nodiscard]] std::uint32_t* pixels(int row) const;

  const data::RenderPlan& plan_;
  const CpuTarget& target_;
  std::vector<Layer> layers_;
  int row_elements_{0};  // of the largest row buffer
};

}  // namespace napari::engine::simd
