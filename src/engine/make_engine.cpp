#include "engine/make_engine.hpp"

#include <atomic>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <gst/gst.h>

#include "engine/api.hpp"
#include "engine/encoder_choice.hpp"
#include "engine/pipeline.hpp"
#include "engine/renderer.hpp"
#include "gstx/gerror.hpp"
#include "gstx/thread.hpp"

// From gst-elements: the build links it, no header is shared.
extern "C" void gst_plugin_naparicuda_register(void);

namespace napari::engine {
namespace {

class GstEngine final : public Engine {
 public:
  GstEngine(ChosenDrawer chosen, const EngineConfig& config)
      : reason_(std::move(chosen.reason)),
        renderer_(std::make_shared<Renderer>(
            std::move(chosen.drawer),
            Renderer::Params{.frame_id_barcode = config.frame_id_barcode})) {}

  [[nodiscard]] EngineDescription describe() const override {
    return {.draws_with = renderer_->drawer_name(), .draw_reason = reason_};
  }
  void submit(data::RenderPlanPtr plan) override { renderer_->submit(std::move(plan)); }
  [[nodiscard]] gstx::Result<std::unique_ptr<Pipeline>> make_pipeline(
      const std::vector<ElementSpec>& chain, PipelineEvents events) override {
    return make_gst_pipeline(chain, std::move(events), renderer_, bus_thread_);
  }
  [[nodiscard]] gstx::Result<std::vector<std::uint8_t>> draw_still(
      const data::RenderPlan& plan) override {
    return renderer_->draw_still(plan);
  }

 private:
  const std::string reason_;
  gstx::ContextThread bus_thread_{"gst-bus"};
  const std::shared_ptr<Renderer> renderer_;
};

std::atomic<bool> shut_down{false};

}  // namespace

void shut_down_gstreamer() {
  if (gst_is_initialized() != FALSE && !shut_down.exchange(true)) gst_deinit();
}

gstx::Result<void> ensure_gstreamer() {
  if (shut_down.load())
    return gstx::fail(gstx::ErrorCode::failed_precondition, "GStreamer has been shut down");
  static std::once_flag once;
  static gstx::Result<void> outcome;
  std::call_once(once, [] {
    GError* error = nullptr;
    gst_segtrap_set_enabled(FALSE);
    if (gst_init_check(nullptr, nullptr, &error) == FALSE) {
      outcome = gstx::take_gerror(error);
      return;
    }
    gst_plugin_naparicuda_register();
  });
  return outcome;
}

gstx::Result<std::unique_ptr<Engine>> make_engine(const EngineConfig& config) {
  GSTX_TRY(ensure_gstreamer());
  GSTX_ASSIGN_OR_RETURN(auto chosen, make_drawer(config));
  return std::make_unique<GstEngine>(std::move(chosen), config);
}

gstx::Result<void> check_encoder(const std::string& choice, data::CanvasSize size, int fps) {
  GSTX_TRY(ensure_gstreamer());
  GSTX_ASSIGN_OR_RETURN(const auto candidates, candidates_for(choice));
  const auto chosen = choose_encoder(candidates, {.size = size, .fps_numerator = fps});
  if (!chosen)
    return gstx::fail(chosen.error().code,
                      fmt::format("encoder {}: {}", choice, chosen.error().message));
  return {};
}

}  // namespace napari::engine
