#include "engine/simd/simd_drawer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/simd/kernels.hpp"
#include "engine/simd/plane_pass.hpp"
#include "engine/simd/volume_cache.hpp"
#include "engine/simd/volume_pass.hpp"
#include "engine/thread_pool.hpp"
#include "engine/transfer_table.hpp"

namespace napari::engine {
namespace {

constexpr std::size_t kTablesMax = 32;

gstx::Result<void> check(const data::RenderPlan& plan, const CpuTarget& target) {
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  const auto& size = target.size;
  if (size.width_px < 1 || size.height_px < 1 || size.width_px > 16384 || size.height_px > 16384) {
    return bad(fmt::format("target of {} x {} px", size.width_px, size.height_px));
  }
  if (plan.canvas.width_px < 1 || plan.canvas.height_px < 1) {
    return bad(fmt::format("canvas of {} x {} px", plan.canvas.width_px, plan.canvas.height_px));
  }
  const auto row = static_cast<std::size_t>(size.width_px) * 4;
  const std::size_t needed =
      static_cast<std::size_t>(size.height_px - 1) * target.stride_bytes + row;
  const auto address = reinterpret_cast<std::uintptr_t>(target.rgba.data());
  if (target.stride_bytes < row || target.stride_bytes % 4 != 0 || target.rgba.size() < needed ||
      address % 4 != 0) {
    return bad(fmt::format("target of {} bytes with rows {} apart for {} x {} px",
                           target.rgba.size(), target.stride_bytes, size.width_px, size.height_px));
  }
  return {};
}

class SimdDrawer final : public Drawer {
 public:
  explicit SimdDrawer(int threads) : pool_(threads) {}

  [[nodiscard]] std::string name() const override {
    const int threads = pool_.threads();
    return fmt::format("cpu ({}, {} thread{})", simd::target_name(), threads,
                       threads == 1 ? "" : "s");
  }
  void set_skipping(bool enabled) override { skipping_ = enabled; }

  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override {
    const auto& cpu = std::get<CpuTarget>(target);
    GSTX_TRY(check(plan, cpu));
    GSTX_ASSIGN_OR_RETURN(const std::vector<TransferTablePtr> tables, tables_for(plan));
    bool done = false;
    if (plan.ndisplay == 3) {
      GSTX_ASSIGN_OR_RETURN(
          const auto pass, simd::VolumePass::make({plan, cpu, tables, volumes_, pool_, skipping_}));
      done = pool_.run(
          pass.tiles(), [&](int tile) { pass.draw_tile(tile); }, stop);
    } else {
      GSTX_ASSIGN_OR_RETURN(const auto pass, simd::PlanePass::make(plan, cpu, tables));
      done = pool_.run(
          pass.bands(), [&](int band) { pass.draw_band(band); }, stop);
    }
    if (!done) return gstx::fail(gstx::ErrorCode::unavailable, "drawing was given up");
    return {};
  }

 private:
  static data::DType layer_dtype(const data::PlanLayer& layer, int ndisplay) {
    if (ndisplay == 3)
      return layer.volume && layer.volume->block ? layer.volume->block->dtype : data::DType::u8;
    return !layer.patches.empty() && layer.patches.front().block
               ? layer.patches.front().block->dtype
               : data::DType::u8;
  }

  gstx::Result<std::vector<TransferTablePtr>> tables_for(const data::RenderPlan& plan) {
    std::vector<TransferTablePtr> tables;
    for (const data::PlanLayer& layer : plan.layers) {
      const data::DType dtype = layer_dtype(layer, plan.ndisplay);
      for (const data::PlanePatch& patch : layer.patches) {
        if (plan.ndisplay != 3 && patch.block != nullptr && patch.block->dtype != dtype) {
          return gstx::fail(gstx::ErrorCode::invalid_argument,
                            "patches of one layer differ in their dtype");
        }
      }
      GSTX_ASSIGN_OR_RETURN(
          TransferTablePtr table,
          table_for(layer.transfer, dtype, layer.interpolation == data::Interpolation::linear));
      tables.push_back(std::move(table));
    }
    return tables;
  }

  gstx::Result<TransferTablePtr> table_for(const data::Transfer& transfer, data::DType dtype,
                                           bool interpolated) {
    for (const TransferTablePtr& table : tables_) {
      if (table->matches(transfer, dtype, interpolated)) return table;
    }
    GSTX_ASSIGN_OR_RETURN(TransferTablePtr table,
                          TransferTable::make(transfer, dtype, interpolated));
    if (tables_.size() >= kTablesMax) tables_.erase(tables_.begin());
    tables_.push_back(table);
    return table;
  }

  ThreadPool pool_;
  bool skipping_{true};
  std::vector<TransferTablePtr> tables_;
  simd::VolumeCache volumes_;
};

}  // namespace

std::unique_ptr<Drawer> make_simd_drawer(int threads) {
  return std::make_unique<SimdDrawer>(threads);
}

}  // namespace napari::engine
