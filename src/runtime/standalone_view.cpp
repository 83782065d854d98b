#include "runtime/standalone_view.hpp"

#include <optional>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "data/core_budget.hpp"
#include "data/memory.hpp"
#include "data/zarr/zarr_source.hpp"
#include "runtime/render_worker.hpp"
#include "runtime/runtime.hpp"
#include "scene/scene_builder.hpp"

namespace napari::runtime {
namespace {

constexpr int kNominalFps = 60;

class WorkerView final : public StandaloneView {
 public:
  WorkerView(data::CanvasSize canvas, std::function<void(data::RenderPlanPtr)> submit) {
    DirectorEvents events;
    events.submit = std::move(submit);
    worker_ = std::make_unique<RenderWorker>(
        RenderWorkerConfig{{canvas, kNominalFps, data::default_budget_bytes()},
                           data::core_budget().loader_threads},
        std::move(events), clock_);
  }
  void show(scene::RenderSnapshotPtr snapshot) { worker_->apply(std::move(snapshot)); }

 private:
  const SteadyClock clock_;
  std::unique_ptr<RenderWorker> worker_;
};

}  // namespace

gstx::Result<std::unique_ptr<StandaloneView>> make_standalone_view(
    data::ImageSourcePtr image, data::CanvasSize canvas, int ndisplay,
    std::function<void(data::RenderPlanPtr)> submit) {
  if (canvas.width_px < 2 || canvas.height_px < 2)
    return gstx::fail(
        gstx::ErrorCode::invalid_argument,
        fmt::format("a canvas of {} x {} px is too small", canvas.width_px, canvas.height_px));
  std::optional<gstx::Error> degraded;  // the limits of the data type do
  const auto opened = measure_image(image, std::stop_token(), degraded);
  GSTX_ASSIGN_OR_RETURN(scene::FirstScene first, scene::build_first_scene(opened, ndisplay));
  GSTX_TRY(slice_image(image->info(), first.dims));
  auto snapshot = std::make_shared<scene::RenderSnapshot>();
  snapshot->scene_version = 1;
  snapshot->dataset_id = 1;
  snapshot->image = std::move(image);
  snapshot->dims = std::move(first.dims);
  snapshot->layers = {std::move(first.layer)};
  auto view = std::make_unique<WorkerView>(canvas, std::move(submit));
  view->show(std::move(snapshot));
  return view;
}

gstx::Result<std::unique_ptr<StandaloneView>> make_standalone_view(
    const std::string& location, data::CanvasSize canvas, int ndisplay,
    std::function<void(data::RenderPlanPtr)> submit) {
  GSTX_ASSIGN_OR_RETURN(data::ImageSourcePtr image, data::open_zarr(location));
  return make_standalone_view(std::move(image), canvas, ndisplay, std::move(submit));
}

}  // namespace napari::runtime
