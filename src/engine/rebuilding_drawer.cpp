#include "engine/rebuilding_drawer.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <glib.h>

namespace napari::engine {
namespace {

using gstx::Error;
using gstx::ErrorCode;
using gstx::fail;

std::int64_t monotonic_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

RebuildingDrawer::Params complete(RebuildingDrawer::Params params) {
  if (!params.now_ns) params.now_ns = monotonic_ns;
  return params;
}

int seconds(std::int64_t duration_ns) { return static_cast<int>(duration_ns / 1'000'000'000); }

}  // namespace

// What frames in others' hands tell the drawer. A frame of a back end that has been replaced says nothing about the new one.
struct RebuildingDrawer::Losses {
  Losses(std::function<std::int64_t()> clock, std::int64_t starved_max_ns)
      : now_ns(std::move(clock)), starved_ns(starved_max_ns) {}

  const std::function<std::int64_t()> now_ns;
  const std::int64_t starved_ns;
  std::mutex mutex;
  std::uint64_t generation{0};
  std::optional<Error> error;  // of this generation
  std::optional<std::int64_t> starves_since_ns;
  // Held while `listener` runs, so that listen_lost(nullptr) waits for it.
  std::mutex listener_mutex;
  std::function<void()> listener;
  std::function<void()> better_listener;

  // What could not be read is drawn again. A back end is at fault that is broken, or has no memory for long.
  void report(std::uint64_t of_generation, const Error& failure) {
    {
      const std::lock_guard lock(mutex);
      const bool starves = failure.code == ErrorCode::unavailable;
      if (starves && !starves_since_ns) starves_since_ns = now_ns();
      const bool at_fault = !starves || now_ns() - *starves_since_ns >= starved_ns;
      if (at_fault && of_generation == generation && !error) error = failure;
    }
    const std::lock_guard lock(listener_mutex);
    if (listener) listener();
  }
  void report_better() {
    const std::lock_guard lock(listener_mutex);
    if (better_listener) better_listener();
  }
  void report_success() {
    const std::lock_guard lock(mutex);
    starves_since_ns.reset();
  }
  std::optional<Error> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(error, std::nullopt);
  }
  void start_generation() {
    const std::lock_guard lock(mutex);
    error.reset();
    starves_since_ns.reset();
    ++generation;
  }
  std::uint64_t current() {
    const std::lock_guard lock(mutex);
    return generation;
  }
};

class RebuildingDrawer::WatchedFrame final : public GpuFrame {
 public:
  WatchedFrame(GpuFramePtr frame, std::shared_ptr<Losses> losses)
      : frame_(std::move(frame)), losses_(std::move(losses)), generation_(losses_->current()) {}

  [[nodiscard]] const GpuFramePtr& frame() const { return frame_; }
  [[nodiscard]] bool is_of(const std::shared_ptr<Losses>& losses) const {
    return losses_ == losses && generation_ == losses->current();
  }

  [[nodiscard]] data::CanvasSize size() const override { return frame_->size(); }
  [[nodiscard]] int cuda_ordinal() const override { return frame_->cuda_ordinal(); }
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read() override {
    return watched(frame_->read());
  }
  [[nodiscard]] gstx::Result<void> write(std::span<const std::uint8_t> rgba,
                                         std::size_t stride_bytes, int width_px,
                                         int rows) override {
    return watched(frame_->write(rgba, stride_bytes, width_px, rows));
  }
  [[nodiscard]] gstx::Result<MappedVideo> convert(VideoLayout layout, data::CanvasSize size,
                                                  const ConvertOptions& options) override {
    return watched(frame_->convert(layout, size, options));
  }
  // `unsupported` where it is CUDA alone that cannot: GL may well read the frame.
  [[nodiscard]] gstx::Result<void> copy_to(const CudaRows& rows) override {
    return watched(frame_->copy_to(rows));
  }

 private:
  [[nodiscard]] static bool is_failure(const Error& error) {
    return error.code == ErrorCode::internal || error.code == ErrorCode::unavailable;
  }
  template <typename T>
  gstx::Result<T> watched(gstx::Result<T> result) {
    if (result)
      losses_->report_success();
    else if (is_failure(result.error()))
      losses_->report(generation_, result.error());
    return result;
  }

  const GpuFramePtr frame_;
  const std::shared_ptr<Losses> losses_;
  const std::uint64_t generation_;
};

RebuildingDrawer::RebuildingDrawer(std::unique_ptr<Drawer> gpu, Params params)
    : params_(complete(std::move(params))),
      losses_(std::make_shared<Losses>(params_.now_ns, params_.limits.starved_ns)),
      rest_ns_(params_.limits.rest_ns) {
  take_up(std::move(gpu));
}

RebuildingDrawer::~RebuildingDrawer() {
  listen_lost(nullptr);
  listen_better(nullptr);
}

std::string RebuildingDrawer::name() const { return name_.copy(); }

void RebuildingDrawer::listen_lost(const std::function<void()>& lost) {
  const std::lock_guard lock(losses_->listener_mutex);
  losses_->listener = lost;
}

// Not under the lock: the back end calls with a lock of its own, which it takes for this too.
void RebuildingDrawer::listen_better(const std::function<void()>& better) {
  {
    const std::lock_guard lock(losses_->listener_mutex);
    losses_->better_listener = better;
  }
  better_listened_ = better != nullptr;
  if (gpu_ == nullptr) return;
  gpu_->listen_better(better_listened_ ? [losses = losses_] { losses->report_better(); }
                                       : std::function<void()>());
}

void RebuildingDrawer::set_skipping(bool enabled) {
  skipping_ = enabled;
  if (gpu_) gpu_->set_skipping(enabled);
  if (cpu_) cpu_->set_skipping(enabled);
}

void RebuildingDrawer::warn(const std::string& text) const {
  if (params_.on_warning) params_.on_warning(text);
}

// --- drawing ---

gstx::Result<GpuFramePtr> RebuildingDrawer::make_frame(data::CanvasSize size) {
  GSTX_TRY(prepare({}));
  if (!on_gpu_) return fail(ErrorCode::failed_precondition, "the CPU draws at present");
  auto made = gpu_->make_frame(size);
  if (made) {
    frameless_since_ns_ = 0;
    return GpuFramePtr(std::make_shared<WatchedFrame>(std::move(*made), losses_));
  }
  // Frames that others hold come back within moments; only a shortage that lasts is one of memory.
  if (made.error().code == ErrorCode::unavailable) {
    const std::int64_t now_ns = params_.now_ns();
    if (frameless_since_ns_ == 0) frameless_since_ns_ = std::max<std::int64_t>(now_ns, 1);
    if (now_ns - frameless_since_ns_ < params_.limits.shortage_ns) return fail(made.error());
    frameless_since_ns_ = 0;
  }
  GSTX_TRY(recover(made.error(), {}));
  return fail(ErrorCode::failed_precondition, "the back end was replaced");
}

gstx::Result<void> RebuildingDrawer::draw(const data::RenderPlan& plan, const DrawTarget& target,
                                          std::stop_token stop) {
  GSTX_TRY(prepare(stop));
  const auto* for_gpu = std::get_if<GpuTarget>(&target);
  std::shared_ptr<WatchedFrame> watched;
  if (for_gpu != nullptr) {
    watched = std::dynamic_pointer_cast<WatchedFrame>(for_gpu->frame);
    if (!on_gpu_ || watched == nullptr || !watched->is_of(losses_))
      return fail(ErrorCode::failed_precondition, "the frame is of a back end that is gone");
  }
  // Ends: a back end is replaced a bounded number of times before it is the CPU's or nobody's turn.
  while (true) {
    Drawer& drawer = on_gpu_ ? *gpu_ : *cpu_;
    auto drawn =
        drawer.draw(plan, watched ? DrawTarget(GpuTarget{watched->frame()}) : target, stop);
    if (drawn) {
      if (on_gpu_) memory_short_ = false;
      return drawn;
    }
    if (!on_gpu_ || stop.stop_requested()) return drawn;
    GSTX_TRY(recover(drawn.error(), stop));
    if (for_gpu != nullptr)
      return fail(ErrorCode::failed_precondition,
                  "the back end was replaced: " + drawn.error().message);
  }
}

// Sees to it that there is something to draw with.
gstx::Result<void> RebuildingDrawer::prepare(const std::stop_token& stop) {
  if (!on_gpu_) {
    if (params_.now_ns() >= rests_until_ns_) try_gpu_again();
    return {};
  }
  if (const auto lost = losses_->take())
    return recover({lost->code, "a frame was lost: " + lost->message}, stop);
  if (gpu_ == nullptr) return rebuild({ErrorCode::internal, "there is no GPU back end"}, stop);
  return {};
}

// --- what happens to a back end that fails ---

gstx::Result<void> RebuildingDrawer::recover(const Error& error, const std::stop_token& stop) {
  switch (error.code) {
    case ErrorCode::internal:
      return rebuild(error, stop);
    case ErrorCode::unavailable:
      // Made anew, the back end holds no texture but those of this plan.
      if (!memory_short_) {
        GSTX_TRY(rebuild({error.code, "the GPU is out of memory: " + error.message}, stop));
        memory_short_ = on_gpu_;
        return {};
      }
      return rest_on_cpu({error.code, "the GPU is still out of memory: " + error.message});
    case ErrorCode::unsupported:
      return rest_on_cpu(error);
    default:
      return fail(error);
  }
}

gstx::Result<void> RebuildingDrawer::rebuild(Error error, const std::stop_token& stop) {
  const RebuildLimits& limits = params_.limits;
  while (true) {
    const std::int64_t window_start_ns = params_.now_ns() - limits.window_ns;
    while (!rebuilds_ns_.empty() && rebuilds_ns_.front() <= window_start_ns)
      rebuilds_ns_.pop_front();
    if (static_cast<int>(rebuilds_ns_.size()) >= limits.rebuilds_max)
      return rest_on_cpu(
          {error.code, fmt::format("the GPU back end was rebuilt {} times within {} s: {}",
                                   limits.rebuilds_max, seconds(limits.window_ns), error.message)});
    GSTX_TRY(wait_for_turn(error, stop));
    rebuilds_ns_.push_back(params_.now_ns());
    warn(fmt::format("{}: the GPU back end is rebuilt ({} of {} within {} s)", error.message,
                     rebuilds_ns_.size(), limits.rebuilds_max, seconds(limits.window_ns)));
    if (!bury(std::move(gpu_))) {
      rebuilds_ns_.resize(static_cast<std::size_t>(limits.rebuilds_max), params_.now_ns());
      continue;
    }
    auto made = params_.make_gpu();
    if (made) {
      take_up(std::move(*made));
      return {};
    }
    error = {ErrorCode::internal, made.error().message};
  }
}

// Twice as long before each rebuild as before the one before; not at all before the first.
gstx::Result<void> RebuildingDrawer::wait_for_turn(const Error& error,
                                                   const std::stop_token& stop) {
  if (rebuilds_ns_.empty()) return {};
  const auto pause =
      std::chrono::nanoseconds(params_.limits.backoff_ns << (rebuilds_ns_.size() - 1));
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, pause, [&stop] { return stop.stop_requested(); });
  if (!stop.stop_requested()) return {};
  return fail(ErrorCode::unavailable,
              "drawing was stopped while a back end was to be rebuilt: " + error.message);
}

gstx::Result<void> RebuildingDrawer::rest_on_cpu(const Error& error) {
  if (!params_.make_cpu) {
    memory_short_ = false;
    // Not `unavailable`, which a source takes for "nothing to show yet" and does not tell.
    return fail(error.code == ErrorCode::unavailable ? ErrorCode::internal : error.code,
                error.message);
  }
  GSTX_ASSIGN_OR_RETURN(cpu_, params_.make_cpu());
  cpu_->set_skipping(skipping_);
  const std::int64_t now_ns = params_.now_ns();
  // A GPU that had been well for long is given as short a rest as the first time.
  if (now_ns - back_since_ns_ > rest_ns_ * 2) rest_ns_ = params_.limits.rest_ns;
  rests_until_ns_ = now_ns + rest_ns_;
  warn(fmt::format("{}: drawing goes on with {} for {} s", error.message, cpu_->name(),
                   seconds(rest_ns_)));
  rest_ns_ = std::min(rest_ns_ * 2, params_.limits.rest_max_ns);
  static_cast<void>(bury(std::move(gpu_)));
  losses_->start_generation();
  name_.with([&](std::string& name) { name = cpu_->name(); });
  memory_short_ = false;
  on_gpu_ = false;
  return {};
}

void RebuildingDrawer::try_gpu_again() {
  auto made = bury(nullptr) ? params_.make_gpu()
                            : fail(ErrorCode::internal, "the last back end still holds the GPU");
  const std::int64_t now_ns = params_.now_ns();
  if (!made) {
    rests_until_ns_ = now_ns + rest_ns_;
    warn(fmt::format("the GPU is still of no use: {}: drawing goes on with {} for {} s",
                     made.error().message, cpu_->name(), seconds(rest_ns_)));
    rest_ns_ = std::min(rest_ns_ * 2, params_.limits.rest_max_ns);
    return;
  }
  take_up(std::move(*made));
  back_since_ns_ = now_ns;
  rebuilds_ns_.clear();
  warn(fmt::format("drawing is back on {}", gpu_->name()));
  cpu_.reset();
  on_gpu_ = true;
}

void RebuildingDrawer::take_up(std::unique_ptr<Drawer> gpu) {
  gpu_ = std::move(gpu);
  gpu_->set_skipping(skipping_);
  if (better_listened_) gpu_->listen_better([losses = losses_] { losses->report_better(); });
  losses_->start_generation();
  name_.with([&](std::string& name) { name = gpu_->name(); });
}

// Destroys a back end on a thread of its own, since a driver may never come back from it; whether it did. Until it does nothing
// new is made, so that one thread and one context may be left behind and no more.
bool RebuildingDrawer::bury(std::unique_ptr<Drawer> drawer) {
  const auto limit = std::chrono::nanoseconds(params_.limits.burial_ns);
  if (burial_.valid() &&
      burial_.wait_for(std::chrono::nanoseconds(0)) != std::future_status::ready) {
    g_assert(drawer == nullptr);  // no other is made until then
    return false;
  }
  if (drawer == nullptr) return true;
  std::promise<void> gone;
  burial_ = gone.get_future();
  std::thread([dead = std::move(drawer), told = std::move(gone)]() mutable {
    dead.reset();
    told.set_value();
  }).detach();
  if (burial_.wait_for(limit) == std::future_status::ready) return true;
  warn(fmt::format("the failed GPU back end does not let go of the GPU within {} s",
                   seconds(limit.count())));
  return false;
}

}  // namespace napari::engine
