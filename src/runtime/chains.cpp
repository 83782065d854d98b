#include "runtime/chains.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace napari::runtime {
namespace {

// The napari client drops its backlog silently and waits for the next: never more than 2 s, a late frame included.
constexpr std::int64_t kIdrIntervalMs = 1900;

// In whatever memory the elements agree on.
std::string raw_caps(const std::string& fields, int fps) {
  return fmt::format("video/x-raw(ANY),{},framerate={}/1", fields, fps);
}

}  // namespace

const char* to_string(Tier tier) { return tier == Tier::web ? "web" : "napari"; }

std::vector<engine::ElementSpec> chain_spec(Tier tier, const data::ServeConfig& config) {
  const bool napari = tier == Tier::napari;
  // The picture may be drawn smaller than the canvas: only the converter's output has a size.
  const std::string encoded =
      fmt::format("format=NV12,width={},height={},colorimetry={},pixel-aspect-ratio=1/1",
                  config.canvas.width_px, config.canvas.height_px, napari ? "bt601" : "bt709");
  return {
      {"naparieglsrc",
       "src",
       {{"mode", std::string("on-damage")},
        {"settle-frames", std::int64_t{data::kSettleFramesMax}}}},
      {"capsfilter", "drawn", {{"caps", raw_caps("format=RGBA", config.fps)}}},
      {"naparicudaconvert", "convert", {{"flip", napari}}},
      {"capsfilter", "encoded", {{"caps", raw_caps(encoded, config.fps)}}},
      {"naparinvencsink",
       "out",
       {{"encoder", config.encoder},
        {"bitrate", config.bitrate_bps},
        {"idr-interval", napari ? kIdrIntervalMs : std::int64_t{0}},
        {"settle-idr", napari}}},
  };
}

Chain::Chain(engine::Engine& engine, gstx::ContextThread& thread, const Clock& clock, Params params,
             ChainEvents events)
    : engine_(engine),
      thread_(thread),
      clock_(clock),
      params_(std::move(params)),
      events_(std::move(events)),
      hub_([this] { request_keyframe(); }, clock) {
  thread_.run_sync(
      [this] { timer_ = std::make_unique<Timer>(thread_.context(), [this] { on_timer(); }); });
}

Chain::~Chain() {
  thread_.run_sync([this] {
    timer_.reset();
    stop();
  });
}

gstx::Result<void> Chain::subscribe(std::uint64_t id, FrameCallback callback) {
  const auto given_up = given_up_.copy();
  if (given_up && given_up->code == gstx::ErrorCode::unsupported) return gstx::fail(*given_up);
  GSTX_TRY(hub_.subscribe(id, std::move(callback)));
  thread_.post([this] {
    // Somebody new is a reason to try once more.
    if (given_up_.with([](auto& error) { return std::exchange(error, std::nullopt); }))
      rebuilds_ = 0;
    update();
  });
  return {};
}

bool Chain::unsubscribe(std::uint64_t id) {
  if (!hub_.unsubscribe(id)) return false;
  thread_.post([this] { update(); });
  return true;
}

void Chain::request_keyframe() {
  if (const auto pipeline = pipeline_.copy()) pipeline->request_keyframe();
}

void Chain::on_timer() {
  const std::int64_t now_ns = clock_.now_ns();
  if (now_ns >= stop_due_ns_) {
    stop_due_ns_ = kNeverNs;
    if (hub_.subscribers() == 0) stop();
  }
  if (now_ns >= restart_due_ns_) restart_due_ns_ = kNeverNs;
  update();
}

void Chain::update() {
  if (!timer_) return;  // ending
  const bool running = pipeline_.copy() != nullptr;
  if (hub_.subscribers() > 0) {
    stop_due_ns_ = kNeverNs;
    if (!running && restart_due_ns_ == kNeverNs && !given_up_.copy()) start();
  } else {
    restart_due_ns_ = kNeverNs;
    if (running && stop_due_ns_ == kNeverNs)
      stop_due_ns_ = clock_.now_ns() + params_.timings.grace_ns;
  }
  timer_->set(std::min(stop_due_ns_, restart_due_ns_));
}

void Chain::start() {
  const std::uint64_t generation = ++generation_;
  started_ns_ = clock_.now_ns();
  auto pipeline = engine_.make_pipeline(params_.spec, pipeline_events(generation));
  if (!pipeline) {
    fail(generation, pipeline.error());
    return;
  }
  const PipelinePtr shared = std::move(*pipeline);
  pipeline_.with([&](PipelinePtr& held) { held = shared; });
  if (const auto started = shared->start(); !started) fail(generation, started.error());
}

void Chain::stop() {
  ++generation_;
  const PipelinePtr pipeline =
      pipeline_.with([](PipelinePtr& held) { return std::exchange(held, nullptr); });
  if (pipeline) pipeline->stop();
}

void Chain::fail(std::uint64_t generation, const gstx::Error& error) {
  if (generation != generation_) return;  // of a pipeline that is gone
  const std::int64_t now_ns = clock_.now_ns();
  if (now_ns - started_ns_ > params_.timings.healthy_ns) rebuilds_ = 0;
  stop();
  const bool retry =
      rebuilds_ < params_.timings.rebuilds_max && error.code != gstx::ErrorCode::unsupported;
  if (retry)
    restart_due_ns_ = now_ns + (params_.timings.backoff_ns << rebuilds_++);
  else
    given_up_.with([&](auto& held) { held = error; });
  if (timer_) timer_->set(std::min(stop_due_ns_, restart_due_ns_));
  if (events_.on_error)
    events_.on_error(
        {error.code, fmt::format("the {} tier {}: {}", to_string(params_.tier),
                                 retry ? "starts again" : "is given up", error.message)});
}

engine::PipelineEvents Chain::pipeline_events(std::uint64_t generation) {
  engine::PipelineEvents events;
  events.on_access_unit = [this](const data::EncodedFramePtr& frame) { deliver(frame); };
  events.on_config = [this](const data::StreamConfig& config) {
    if (events_.on_config) events_.on_config(config);
  };
  events.on_drawn = [this](const data::FrameInfo& info) {
    if (events_.on_drawn) events_.on_drawn(info);
  };
  events.on_warning = [this](const gstx::Error& error) {
    if (events_.on_error) events_.on_error(error);
  };
  events.on_error = [this, generation](const gstx::Error& error) {
    thread_.post([this, generation, error] { fail(generation, error); });
  };
  return events;
}

void Chain::deliver(const data::EncodedFramePtr& frame) {
  // A picture's first access unit tells what converting and encoding took; a repeat of it tells nothing.
  const bool first = frame_measured_.exchange(frame->info.frame_id) != frame->info.frame_id;
  if (first && events_.on_encoded && frame->encoded_ns > frame->info.render_end_ns)
    events_.on_encoded(static_cast<double>(frame->encoded_ns - frame->info.render_end_ns) / 1e6);
  hub_.dispatch(frame);
}

TierReport Chain::report() const {
  TierReport report;
  report.name = to_string(params_.tier);
  report.subscribers = hub_.subscribers();
  const auto pipeline = pipeline_.copy();
  if (!pipeline) return report;
  const engine::PipelineStats stats = pipeline->stats();
  report.running = true;
  report.encoder = stats.encoder;
  report.encoder_report = stats.encoder_report;
  report.frames_drawn = stats.frames_drawn;
  report.frames_encoded = stats.frames_encoded;
  report.keyframes = stats.keyframes;
  report.bytes_encoded = stats.bytes_encoded;
  report.fps = stats.fps;
  report.bitrate_bps = stats.bitrate_bps;
  report.draw_ms_p50 = stats.draw_ms_p50;
  report.encode_ms_p50 = stats.encode_ms_p50;
  return report;
}

std::string Chain::dot_graph() const {
  const auto pipeline = pipeline_.copy();
  return pipeline ? pipeline->dot_graph() : std::string();
}

}  // namespace napari::runtime
