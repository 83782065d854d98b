#include "runtime/runtime.hpp"

#include <array>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "data/contrast.hpp"
#include "data/core_budget.hpp"
#include "data/memory.hpp"
#include "runtime/render_worker.hpp"

namespace napari::runtime {
namespace {

constexpr std::array kTiers{Tier::web, Tier::napari};
constexpr std::uint64_t kTierBits = 1;  // a subscription's id ends in its tier

std::array<double, 2> dtype_range(data::DType dtype) {
  const auto range = []<typename T>(T) {
    return std::array<double, 2>{static_cast<double>(std::numeric_limits<T>::lowest()),
                                 static_cast<double>(std::numeric_limits<T>::max())};
  };
  switch (dtype) {
    case data::DType::u8:
      return range(std::uint8_t{});
    case data::DType::u16:
      return range(std::uint16_t{});
    case data::DType::u32:
      return range(std::uint32_t{});
    case data::DType::i8:
      return range(std::int8_t{});
    case data::DType::i16:
      return range(std::int16_t{});
    case data::DType::i32:
      return range(std::int32_t{});
    case data::DType::f32:
    case data::DType::f64:
      break;
  }
  return {0, 1};
}

// Tasks that were posted to main and outlive the runtime find it dead. Touched on main only.
struct Liveness {
  bool alive{true};
};

class RuntimeImpl final : public Runtime {
 public:
  RuntimeImpl(RuntimeConfig config, RuntimeEvents events, std::unique_ptr<engine::Engine> engine,
              const ChainTimings& timings);
  ~RuntimeImpl() override;

  void open(std::string path, std::function<void(gstx::Result<scene::OpenedImage>)> done) override;
  void apply(scene::RenderSnapshotPtr snapshot) override { worker_->apply(std::move(snapshot)); }
  void move_camera(scene::CameraCommand command) override { worker_->move_camera(command); }
  [[nodiscard]] scene::CameraPose home_pose(const scene::RenderSnapshot& snapshot) const override;
  [[nodiscard]] gstx::Result<std::uint64_t> subscribe(Tier tier, FrameCallback callback) override;
  void unsubscribe(std::uint64_t id) override;
  void request_keyframe(Tier tier) override { chain(tier).request_keyframe(); }
  [[nodiscard]] RuntimeReport report() const override;
  [[nodiscard]] std::string pipeline_dot() const override;

 private:
  [[nodiscard]] Chain& chain(Tier tier) const { return *chains_[static_cast<std::size_t>(tier)]; }
  // [any] Runs `task` on main, unless the runtime is gone by then.
  void post(std::function<void()> task) const;
  void report_error(const gstx::Error& error) const;  // [any]
  [[nodiscard]] DirectorEvents director_events();
  [[nodiscard]] ChainEvents chain_events(Tier tier);
  void draw_thumbnail(const data::RenderPlanPtr& plan);  // [aside]

  const RuntimeConfig config_;
  const RuntimeEvents events_;
  const SteadyClock clock_;
  const std::shared_ptr<Liveness> liveness_ = std::make_shared<Liveness>();
  std::stop_source stop_;
  std::int64_t memory_budget_bytes_;
  std::uint64_t next_id_{1};

  // In the order in which they are built; the destructor goes the other way.
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<gstx::ContextThread> aside_;  // opens images, draws thumbnails
  std::unique_ptr<RenderWorker> worker_;
  std::unique_ptr<gstx::ContextThread> chain_thread_;
  std::array<std::unique_ptr<Chain>, kTiers.size()> chains_;
};

RuntimeImpl::RuntimeImpl(RuntimeConfig config, RuntimeEvents events,
                         std::unique_ptr<engine::Engine> engine, const ChainTimings& timings)
    : config_(std::move(config)),
      events_(std::move(events)),
      memory_budget_bytes_(config_.serve.memory_budget_bytes > 0 ? config_.serve.memory_budget_bytes
                                                                 : data::default_budget_bytes()),
      engine_(std::move(engine)) {
  aside_ = std::make_unique<gstx::ContextThread>("aside");
  worker_ = std::make_unique<RenderWorker>(
      RenderWorkerConfig{{config_.serve.canvas, config_.serve.fps, memory_budget_bytes_},
                         data::core_budget().loader_threads},
      director_events(), clock_);
  chain_thread_ = std::make_unique<gstx::ContextThread>("chains");
  for (const Tier tier : kTiers)
    chains_[static_cast<std::size_t>(tier)] = std::make_unique<Chain>(
        *engine_, *chain_thread_, clock_,
        Chain::Params{tier, chain_spec(tier, config_.serve), timings}, chain_events(tier));
}

// Stop intake, drain, join, free: pipelines first, since their threads call into everything; then the render thread and the
// loader, whose plans and thumbnails the engine and the aside thread take; then that thread; the engine last.
RuntimeImpl::~RuntimeImpl() {
  liveness_->alive = false;
  stop_.request_stop();
  for (auto& chain : chains_) chain.reset();
  chain_thread_.reset();
  worker_.reset();
  aside_.reset();
  engine_.reset();
}

void RuntimeImpl::post(std::function<void()> task) const {
  config_.post([liveness = liveness_, task = std::move(task)] {
    if (liveness->alive) task();
  });
}

void RuntimeImpl::report_error(const gstx::Error& error) const {
  if (events_.on_error) post([this, error] { events_.on_error(error); });
}

DirectorEvents RuntimeImpl::director_events() {
  DirectorEvents events;
  events.submit = [this](data::RenderPlanPtr plan) { engine_->submit(std::move(plan)); };
  events.on_pose = [this](const scene::CameraPose& pose, std::uint64_t version) {
    if (events_.on_pose) post([this, pose, version] { events_.on_pose(pose, version); });
  };
  events.on_level = [this](int level) {
    if (events_.on_level) post([this, level] { events_.on_level(level); });
  };
  events.on_thumbnail = [this](data::RenderPlanPtr plan) {
    if (events_.on_thumbnail)
      aside_->post([this, plan = std::move(plan)] { draw_thumbnail(plan); });
  };
  events.on_error = [this](const gstx::Error& error) { report_error(error); };
  return events;
}

ChainEvents RuntimeImpl::chain_events(Tier tier) {
  ChainEvents events;
  events.on_config = [this, tier](const data::StreamConfig& config) {
    if (events_.on_config) post([this, tier, config] { events_.on_config(tier, config); });
  };
  events.on_drawn = [this](const data::FrameInfo& info) { worker_->note_drawn(info); };
  events.on_encoded = [this](double encode_ms) { worker_->note_encoded(encode_ms); };
  events.on_error = [this](const gstx::Error& error) { report_error(error); };
  return events;
}

void RuntimeImpl::draw_thumbnail(const data::RenderPlanPtr& plan) {
  if (stop_.stop_requested()) return;
  auto picture = engine_->draw_still(*plan);
  if (!picture) {
    report_error({picture.error().code, "thumbnail: " + picture.error().message});
    return;
  }
  post([this, pixels = std::move(*picture)] { events_.on_thumbnail(pixels); });
}

void RuntimeImpl::open(std::string path,
                       std::function<void(gstx::Result<scene::OpenedImage>)> done) {
  aside_->post([this, path = std::move(path), done = std::move(done)] {
    if (stop_.stop_requested()) return;
    auto image = config_.open_image(path);
    if (!image) {
      post([done, error = std::move(image).error()] { done(gstx::fail(error)); });
      return;
    }
    std::optional<gstx::Error> degraded;
    const auto opened = measure_image(*image, stop_.get_token(), degraded);
    if (degraded) report_error(*degraded);
    post([done, opened] { done(opened); });
  });
}

scene::CameraPose RuntimeImpl::home_pose(const scene::RenderSnapshot& snapshot) const {
  if (!snapshot.image) return {};
  const auto box = world_box(snapshot.image->info(), snapshot.dims);
  return box ? scene::home_pose(*box, config_.serve.canvas) : scene::CameraPose{};
}

gstx::Result<std::uint64_t> RuntimeImpl::subscribe(Tier tier, FrameCallback callback) {
  const std::uint64_t id = (next_id_++ << kTierBits) | static_cast<std::uint64_t>(tier);
  GSTX_TRY(chain(tier).subscribe(id, std::move(callback)));
  return id;
}

void RuntimeImpl::unsubscribe(std::uint64_t id) {
  chains_[id & ((1U << kTierBits) - 1)]->unsubscribe(id);
}

RuntimeReport RuntimeImpl::report() const {
  RuntimeReport report;
  engine::EngineDescription description = engine_->describe();  // changes when a GPU fails
  report.draws_with = std::move(description.draws_with);
  report.draw_reason = std::move(description.draw_reason);
  for (const auto& chain : chains_) report.tiers.push_back(chain->report());
  const auto drawn = worker_->report();
  report.level_drawn = drawn.level;
  report.draw_scale = drawn.draw_scale;
  report.cache_bytes = drawn.cache_bytes;
  report.cache_budget_bytes = static_cast<std::uint64_t>(memory_budget_bytes_);
  const LoaderStats loader = worker_->loader_stats();
  report.reads = loader.reads;
  report.reads_cancelled = loader.cancelled;
  report.reads_failed = loader.failed;
  report.bytes_read = loader.bytes;
  return report;
}

std::string RuntimeImpl::pipeline_dot() const {
  std::string graphs;
  for (const auto& chain : chains_) graphs += chain->dot_graph();
  return graphs;
}

}  // namespace

gstx::Result<engine::EngineConfig> engine_config(const data::ServeConfig& config) {
  engine::EngineConfig result;
  if (config.backend == "egl")
    result.backend = engine::BackendChoice::egl;
  else if (config.backend == "cpu")
    result.backend = engine::BackendChoice::cpu;
  else if (config.backend != "auto")
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("backend \"{}\" is none of auto, egl, cpu", config.backend));
  result.device = config.device;
  result.vram_budget_bytes = config.vram_budget_bytes;
  result.vram_budget_percent = config.vram_budget_percent;
  result.draw_threads = data::core_budget().draw_threads;
  result.frame_id_barcode = config.frame_id;
  return result;
}

scene::OpenedImage measure_image(const data::ImageSourcePtr& image, const std::stop_token& stop,
                                 std::optional<gstx::Error>& degraded) {
  scene::OpenedImage opened;
  opened.source = image;
  const auto contrast = data::measure_contrast(*image, 0, stop);
  if (contrast) {
    opened.contrast_limits = contrast->limits;
    opened.contrast_range = contrast->range;
    return opened;
  }
  degraded = {contrast.error().code,
              "contrast limits start from the data type's range: " + contrast.error().message};
  opened.contrast_limits = opened.contrast_range = dtype_range(image->info().levels.front().dtype);
  return opened;
}

gstx::Result<std::unique_ptr<Runtime>> make_runtime(RuntimeConfig config, RuntimeEvents events,
                                                    std::unique_ptr<engine::Engine> engine,
                                                    ChainTimings timings) {
  if (!config.post || !config.open_image)
    return gstx::fail(gstx::ErrorCode::invalid_argument, "post and open_image must be set");
  return std::make_unique<RuntimeImpl>(std::move(config), std::move(events), std::move(engine),
                                       timings);
}

gstx::Result<std::unique_ptr<Runtime>> make_runtime(RuntimeConfig config, RuntimeEvents events) {
  GSTX_ASSIGN_OR_RETURN(const engine::EngineConfig settings, engine_config(config.serve));
  // An encoder that was asked for by name is there or the server does not start; `auto` finds one when somebody watches.
  if (config.serve.encoder != "auto")
    GSTX_TRY(engine::check_encoder(config.serve.encoder, config.serve.canvas, config.serve.fps));
  GSTX_ASSIGN_OR_RETURN(auto engine, engine::make_engine(settings));
  return make_runtime(std::move(config), std::move(events), std::move(engine));
}

void shut_down() { engine::shut_down_gstreamer(); }

std::vector<std::string> probe_machine(const data::ServeConfig& config) {
  const auto settings = engine_config(config);
  if (!settings) return {settings.error().message};
  return engine::probe_machine(*settings, config.canvas, config.fps, config.encoder);
}

}  // namespace napari::runtime
