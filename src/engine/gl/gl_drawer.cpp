#include "engine/gl/gl_drawer.hpp"

#include <atomic>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_frame.hpp"
#include "engine/gl/gl_painter.hpp"
#include "engine/gl/plan_check.hpp"

namespace napari::engine {
namespace {

class GlDrawer final : public Drawer {
 public:
  GlDrawer(std::shared_ptr<GlFrames> frames, std::unique_ptr<GlPainter> painter)
      : frames_(std::move(frames)), painter_(std::move(painter)) {}
  ~GlDrawer() override {
    frames_->context()->run([this] { painter_.reset(); });
  }

  [[nodiscard]] std::string name() const override {
    const GlDeviceInfo& info = frames_->context()->info();
    return fmt::format("gl ({}{})", info.renderer, info.software ? ", software" : "");
  }

  [[nodiscard]] bool draws_on_gpu() const override { return true; }
  [[nodiscard]] gstx::Result<GpuFramePtr> make_frame(data::CanvasSize size) override {
    return frames_->make_frame(size);
  }

  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override {
    GSTX_TRY(check_plan(plan));
    if (const auto* pixels = std::get_if<CpuTarget>(&target)) return draw(plan, *pixels, stop);
    return draw(plan, std::get<GpuTarget>(target), stop);
  }

  void set_skipping(bool enabled) override { skipping_ = enabled; }
  void listen_better(const std::function<void()>& better) override {
    painter_->listen_better(better);
  }

 private:
  using Paint = std::function<gstx::Result<void>(const GlPainter::How&)>;  // [gl]

  // Uploads are waited for here, so that frames can be read and converted on the gl thread meanwhile.
  [[nodiscard]] gstx::Result<void> run(const Paint& paint, PictureFor whom,
                                       const std::stop_token& stop) {
    constexpr int kRoundsMax = 64;  // each brings a queue full of blocks
    for (int round = 0;; ++round) {
      std::vector<UploadPtr> missing;
      GSTX_TRY(frames_->run([&] {
        return paint({.skipping = skipping_,
                      .whom = whom,
                      .missing = round < kRoundsMax ? &missing : nullptr});
      }));
      if (missing.empty()) return {};
      for (const UploadPtr& upload : missing) {
        if (!painter_->wait(*upload, stop))
          return gstx::fail(gstx::ErrorCode::unavailable, "drawing was stopped while uploading");
      }
    }
  }

  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const GpuTarget& target,
                                        const std::stop_token& stop) {
    auto* const frame =
        dynamic_cast<GlFrame*>(target.frame.get());  // whose it is, is to be checked
    if (frame == nullptr || !frame->is_of(*frames_)) {
      return gstx::fail(gstx::ErrorCode::failed_precondition,
                        "the frame to draw into is not one of this drawer's");
    }
    return run(
        [&](const GlPainter::How& how) {
          return painter_->paint(plan, {frame->begin_drawing(), frame->size()}, how, stop);
        },
        PictureFor::viewers, stop);
  }

  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const CpuTarget& target,
                                        const std::stop_token& stop) {
    GSTX_TRY(check_target(target));
    const std::size_t row_bytes = static_cast<std::size_t>(target.size.width_px) * 4;
    const auto rows = static_cast<std::size_t>(target.size.height_px);
    std::shared_ptr<const std::uint8_t> pixels;
    const Paint read = [&](const GlPainter::How& how) -> gstx::Result<void> {
      GSTX_ASSIGN_OR_RETURN(const BufferLease codes, frames_->take_still(target.size));
      const GLuint buffer = codes->buffer.get();
      GSTX_TRY(painter_->paint(plan, {buffer, target.size}, how, stop));
      if (how.missing != nullptr && !how.missing->empty()) return {};
      GSTX_ASSIGN_OR_RETURN(pixels, frames_->read(buffer, row_bytes * rows));
      return {};
    };
    GSTX_TRY(run(read, PictureFor::caller, stop));
    for (std::size_t row = 0; row < rows; ++row) {
      std::memcpy(target.rgba.data() + row * target.stride_bytes, pixels.get() + row * row_bytes,
                  row_bytes);
    }
    return {};
  }

  const std::shared_ptr<GlFrames> frames_;
  std::unique_ptr<GlPainter> painter_;  // [gl]
  std::atomic<bool> skipping_{true};
};

}  // namespace

gstx::Result<std::unique_ptr<Drawer>> make_gl_drawer(int device, const GlDrawerOptions& options) {
  GSTX_ASSIGN_OR_RETURN(const auto context, GlContext::open(device));
  GSTX_ASSIGN_OR_RETURN(const auto frames, GlFrames::make(context));
  std::unique_ptr<GlPainter> painter;
  gstx::Result<void> ready;
  context->run([&] {
    painter = std::make_unique<GlPainter>(*context, options);
    ready = painter->warm_up();
    if (!ready) painter.reset();
  });
  GSTX_TRY(ready);
  return std::make_unique<GlDrawer>(frames, std::move(painter));
}

gstx::Result<void> probe_gl_hardware(int device) {
  GSTX_ASSIGN_OR_RETURN(const auto context, GlContext::open(device));
  if (!context->info().software) return {};
  return gstx::fail(gstx::ErrorCode::unsupported,
                    fmt::format("EGL offers software drawing only ({})", context->info().renderer));
}

}  // namespace napari::engine
