#include "engine/gl/gl_drawer.hpp"

#include <atomic>
#include <utility>

#include <fmt/format.h>

#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_painter.hpp"
#include "engine/gl/plan_check.hpp"

namespace napari::engine {
namespace {

class GlDrawer final : public Drawer {
 public:
  GlDrawer(std::shared_ptr<GlContext> context, std::unique_ptr<GlPainter> painter)
      : context_(std::move(context)), painter_(std::move(painter)) {}
  ~GlDrawer() override {
    context_->run([this] { painter_.reset(); });
  }

  [[nodiscard]] std::string name() const override {
    const GlDeviceInfo& info = context_->info();
    return fmt::format("gl ({}{})", info.renderer, info.software ? ", software" : "");
  }

  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override {
    const auto& pixels = std::get<CpuTarget>(target);
    GSTX_TRY(check_plan(plan));
    GSTX_TRY(check_target(pixels));
    gstx::Result<void> result;
    context_->run([&] { result = painter_->paint(plan, pixels, skipping_.load(), stop); });
    return result;
  }

  void set_skipping(bool enabled) override { skipping_ = enabled; }

 private:
  std::shared_ptr<GlContext> context_;
  std::unique_ptr<GlPainter> painter_;  // [gl]
  std::atomic<bool> skipping_{true};
};

}  // namespace

gstx::Result<std::unique_ptr<Drawer>> make_gl_drawer(int device) {
  GSTX_ASSIGN_OR_RETURN(const auto context, GlContext::open(device));
  std::unique_ptr<GlPainter> painter;
  gstx::Result<void> ready;
  context->run([&] {
    painter = std::make_unique<GlPainter>(*context);
    ready = painter->warm_up();
    if (!ready) painter.reset();
  });
  GSTX_TRY(ready);
  return std::make_unique<GlDrawer>(context, std::move(painter));
}

gstx::Result<void> probe_gl_hardware(int device) {
  GSTX_ASSIGN_OR_RETURN(const auto context, GlContext::open(device));
  if (!context->info().software) return {};
  return gstx::fail(gstx::ErrorCode::unsupported,
                    fmt::format("EGL offers software drawing only ({})", context->info().renderer));
}

}  // namespace napari::engine
