#include "engine/renderer.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <glib.h>

#include "engine/device_choice.hpp"
#include "engine/frame_barcode.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/picture_pool.hpp"
#include "engine/rebuilding_drawer.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace napari::engine {
namespace {

// CLOCK_MONOTONIC, as every time stamp that leaves the engine.
std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

int drawn_extent(int canvas_px, double scale) {
  const int even = static_cast<int>(std::ceil(std::ceil(canvas_px * scale) / 2)) * 2;
  return std::clamp(even, std::min(2, canvas_px), canvas_px);
}

gstx::Result<void> check(const data::RenderPlan& plan) {
  const data::CanvasSize& canvas = plan.canvas;
  const bool sane = canvas.width_px >= 1 && canvas.height_px >= 1 && canvas.width_px <= 16384 &&
                    canvas.height_px <= 16384;
  if (sane && plan.draw_scale > 0 && plan.draw_scale <= 1) return {};
  return gstx::fail(gstx::ErrorCode::invalid_argument,
                    fmt::format("plan for {} x {} px drawn at scale {}", canvas.width_px,
                                canvas.height_px, plan.draw_scale));
}

}  // namespace

// `mutex` is held while `wake` runs, so that unlisten can wait for it.
struct Renderer::Listener {
  std::mutex mutex;
  std::function<void()> wake;
};

Renderer::Renderer(std::unique_ptr<Drawer> drawer, Params params)
    : drawer_(std::move(drawer)),
      params_(std::move(params)),
      pool_(std::make_shared<PicturePool>()) {
  drawer_->listen_lost([this] { redraw(); });
  drawer_->listen_better([this] { redraw_better(); });
}

Renderer::~Renderer() {
  drawer_->listen_lost(nullptr);
  drawer_->listen_better(nullptr);
}

void Renderer::submit(data::RenderPlanPtr plan) {
  std::optional<std::stop_source> overtaken;
  {
    const std::lock_guard lock(mutex_);
    if (plan_ != nullptr && drawn_damage_ != damage_ && drawing_damage_ != damage_)
      ++stats_.plans_coalesced;
    plan_ = std::move(plan);
    ++damage_;
    if (drawing_damage_ != 0 && stop_on_submit_) overtaken = stop_;
  }
  if (overtaken) overtaken->request_stop();
  wake_listeners();
}

// What is shown cannot be read any more.
void Renderer::redraw() {
  {
    const std::lock_guard lock(mutex_);
    if (plan_ == nullptr) return;
    ++damage_;
  }
  wake_listeners();
}

// Still plans are drawn as they are at once.
void Renderer::redraw_better() {
  {
    const std::lock_guard lock(mutex_);
    if (plan_ == nullptr || plan_->still) return;
    ++damage_;
  }
  wake_listeners();
}

void Renderer::wake_listeners() {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const std::lock_guard lock(listeners_mutex_);
    for (const auto& [id, listener] : listeners_) listeners.push_back(listener);
  }
  for (const auto& listener : listeners) {
    const std::lock_guard lock(listener->mutex);
    if (listener->wake) listener->wake();
  }
}

void Renderer::interrupt() {
  std::optional<std::stop_source> stop;
  {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    if (drawing_damage_ != 0) stop = stop_;
  }
  if (stop) stop->request_stop();
  drawn_.notify_all();
}

void Renderer::resume() {
  const std::lock_guard lock(mutex_);
  interrupted_ = false;
}

std::uint64_t Renderer::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

gstx::Result<PicturePtr> Renderer::picture() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (interrupted_) return gstx::fail(gstx::ErrorCode::unavailable, "drawing was interrupted");
    if (plan_ == nullptr) return gstx::fail(gstx::ErrorCode::unavailable, "there is no plan yet");
    if (picture_ != nullptr && drawn_damage_ == damage_) return picture_;
    if (drawing_damage_ != 0) {
      drawn_.wait(lock);
      continue;
    }
    const data::RenderPlanPtr plan = plan_;
    const std::uint64_t damage = damage_;
    drawing_damage_ = damage;
    stop_on_submit_ = plan->still;
    stop_ = std::stop_source();
    const std::stop_token stop = stop_.get_token();
    lock.unlock();
    gstx::Result<PicturePtr> drawn = draw(*plan, stop);
    lock.lock();
    drawing_damage_ = 0;
    if (drawn) {
      picture_ = *drawn;
      drawn_damage_ = damage;
      ++stats_.pictures_drawn;
    }
    drawn_.notify_all();
    if (!drawn && stop.stop_requested()) {
      ++stats_.draws_given_up;
      continue;
    }
    lock.unlock();
    if (drawn && params_.on_drawn) params_.on_drawn((*drawn)->info);
    return drawn;
  }
}

gstx::Result<PicturePtr> Renderer::draw(const data::RenderPlan& plan, const std::stop_token& stop) {
  GSTX_TRY(check(plan));
  auto picture = std::make_shared<Picture>();
  picture->size = drawn_size(plan);
  picture->stride_bytes = static_cast<std::size_t>(picture->size.width_px) * 4;
  picture->still = plan.still;
  picture->info.scene_version = plan.scene_version;
  GSTX_TRY(draw_anywhere(plan, *picture, stop));
  picture->info.render_end_ns = now_ns();
  note_draw_time(picture->info.render_end_ns - picture->info.render_start_ns);
  return PicturePtr(std::move(picture));
}

// A back end that was replaced meanwhile wants another target; it bounds how often that happens, and so does this.
gstx::Result<void> Renderer::draw_anywhere(const data::RenderPlan& plan, Picture& picture,
                                           const std::stop_token& stop) {
  constexpr int kTriesMax = 8;
  gstx::Result<void> drawn;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    drawn = drawer_->draws_on_gpu() ? draw_on_gpu(plan, picture, stop)
                                    : draw_on_cpu(plan, picture, stop);
    if (drawn || drawn.error().code != gstx::ErrorCode::failed_precondition) return drawn;
  }
  return gstx::fail(gstx::ErrorCode::unavailable, drawn.error().message);
}

gstx::Result<void> Renderer::draw_timed(const data::RenderPlan& plan, const DrawTarget& target,
                                        Picture& picture, const std::stop_token& stop) {
  picture.info.render_start_ns = now_ns();
  GSTX_TRY(drawer_->draw(plan, target, stop));
  picture.info.frame_id = next_frame_id_++;
  return {};
}

gstx::Result<void> Renderer::draw_on_cpu(const data::RenderPlan& plan, Picture& picture,
                                         const std::stop_token& stop) {
  const std::size_t bytes = picture.stride_bytes * static_cast<std::size_t>(picture.size.height_px);
  const std::shared_ptr<std::uint8_t> memory = pool_->take(bytes);
  const CpuTarget target{{memory.get(), bytes}, picture.stride_bytes, picture.size};
  {
    const std::lock_guard lock(drawer_mutex_);
    GSTX_TRY(draw_timed(plan, target, picture, stop));
  }
  if (params_.frame_id_barcode)
    draw_barcode({target.rgba, target.stride_bytes, picture.size, plan.canvas},
                 picture.info.frame_id);
  picture.rgba = memory;
  return {};
}

gstx::Result<void> Renderer::draw_on_gpu(const data::RenderPlan& plan, Picture& picture,
                                         const std::stop_token& stop) {
  GpuFramePtr frame;
  {
    const std::lock_guard lock(drawer_mutex_);
    GSTX_ASSIGN_OR_RETURN(frame, drawer_->make_frame(picture.size));
    GSTX_TRY(draw_timed(plan, GpuTarget{frame}, picture, stop));
  }
  GSTX_TRY(write_barcode(plan, picture, *frame));
  picture.frame = std::move(frame);
  return {};
}

gstx::Result<void> Renderer::write_barcode(const data::RenderPlan& plan, const Picture& picture,
                                           GpuFrame& frame) const {
  if (!params_.frame_id_barcode) return {};
  const data::CanvasSize barcode = barcode_extent(picture.size, plan.canvas);
  if (barcode.width_px == 0) return {};
  const std::size_t stride = static_cast<std::size_t>(barcode.width_px) * 4;
  std::vector<std::uint8_t> rgba(stride * static_cast<std::size_t>(barcode.height_px));
  draw_barcode({rgba, stride, picture.size, plan.canvas}, picture.info.frame_id);
  auto written = frame.write(rgba, stride, barcode.width_px, barcode.height_px);
  if (!written && written.error().code == gstx::ErrorCode::internal)
    return gstx::fail(gstx::ErrorCode::failed_precondition,
                      "the frame was lost: " + written.error().message);
  return written;
}

void Renderer::note_draw_time(std::int64_t duration_ns) {
  const std::lock_guard lock(mutex_);
  draw_ms_[draws_timed_++ % draw_ms_.size()] =
      static_cast<float>(static_cast<double>(duration_ns) * 1e-6);
}

std::uint64_t Renderer::listen(std::function<void()> wake) {
  auto listener = std::make_shared<Listener>();
  listener->wake = std::move(wake);
  const std::lock_guard lock(listeners_mutex_);
  const std::uint64_t id = next_listener_++;
  listeners_.emplace(id, std::move(listener));
  return id;
}

void Renderer::unlisten(std::uint64_t id) {
  std::shared_ptr<Listener> listener;
  {
    const std::lock_guard lock(listeners_mutex_);
    const auto found = listeners_.find(id);
    if (found == listeners_.end()) return;
    listener = found->second;
    listeners_.erase(found);
  }
  const std::lock_guard lock(listener->mutex);
  listener->wake = nullptr;
}

gstx::Result<std::vector<std::uint8_t>> Renderer::draw_still(const data::RenderPlan& plan) {
  GSTX_TRY(check(plan));
  const std::size_t stride = static_cast<std::size_t>(plan.canvas.width_px) * 4;
  std::vector<std::uint8_t> rgba(stride * static_cast<std::size_t>(plan.canvas.height_px));
  const std::lock_guard lock(drawer_mutex_);
  GSTX_TRY(drawer_->draw(plan, CpuTarget{rgba, stride, plan.canvas}, std::stop_token()));
  return rgba;
}

std::string Renderer::drawer_name() const { return drawer_->name(); }

RendererStats Renderer::stats() const {
  const std::lock_guard lock(mutex_);
  RendererStats stats = stats_;
  const std::size_t count = std::min<std::size_t>(draws_timed_, draw_ms_.size());
  if (count > 0) {
    std::array<float, 64> sorted = draw_ms_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(count / 2);
    std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(count));
    stats.draw_ms_p50 = static_cast<double>(*middle);
  }
  return stats;
}

gstx::Result<std::shared_ptr<const std::uint8_t>> pixels_of(const Picture& picture) {
  if (picture.frame != nullptr) return picture.frame->read();
  return picture.rgba;
}

data::CanvasSize drawn_size(const data::RenderPlan& plan) {
  return {drawn_extent(plan.canvas.width_px, plan.draw_scale),
          drawn_extent(plan.canvas.height_px, plan.draw_scale)};
}

namespace {

GlDrawerOptions gl_options(const EngineConfig& config) {
  return {.vram_budget_bytes = config.vram_budget_bytes,
          .vram_budget_percent = config.vram_budget_percent};
}

// A GPU's drawer that outlives its back end and, where the choice is ours, that the CPU draws for where the GPU cannot.
std::unique_ptr<Drawer> outliving(std::unique_ptr<Drawer> gpu, int device,
                                  const EngineConfig& config) {
  RebuildingDrawer::Params params;
  const bool hardware_only = config.backend == BackendChoice::automatic;
  params.make_gpu = [device, options = gl_options(config),
                     hardware_only]() -> gstx::Result<std::unique_ptr<Drawer>> {
    // A GPU that EGL lists no more must not be followed by a software rasteriser.
    if (hardware_only) GSTX_TRY(probe_gl_hardware(device));
    return make_gl_drawer(device, options);
  };
  if (config.backend == BackendChoice::automatic)
    params.make_cpu = [threads = config.draw_threads]() -> gstx::Result<std::unique_ptr<Drawer>> {
      return make_simd_drawer(threads);
    };
  params.on_warning = [](const std::string& text) { g_warning("%s", text.c_str()); };
  return std::make_unique<RebuildingDrawer>(std::move(gpu), std::move(params));
}

}  // namespace

gstx::Result<ChosenDrawer> make_drawer(const EngineConfig& config) {
  const auto on_cpu = [&](std::string reason) {
    return ChosenDrawer{make_simd_drawer(config.draw_threads), std::move(reason)};
  };
  GSTX_TRY(check_device_syntax(config.device));
  if (config.backend == BackendChoice::cpu) return on_cpu("asked for");
  const bool asked_for = config.backend == BackendChoice::egl;
  const gstx::Result<int> device = resolve_device(config.device);
  if (!device) {
    if (asked_for) return gstx::fail(device.error());
    return on_cpu(device.error().message);
  }
  if (!asked_for) {
    const gstx::Result<void> hardware = probe_gl_hardware(*device);
    if (!hardware) return on_cpu(hardware.error().message);
  }
  gstx::Result<std::unique_ptr<Drawer>> drawer = make_gl_drawer(*device, gl_options(config));
  if (!drawer) {
    if (asked_for) return gstx::fail(drawer.error());
    return on_cpu(drawer.error().message);
  }
  std::unique_ptr<Drawer> outlives = outliving(std::move(*drawer), *device, config);
  return ChosenDrawer{.drawer = std::move(outlives),
                      .reason = asked_for ? "asked for" : "a hardware GL device answers"};
}

}  // namespace napari::engine
