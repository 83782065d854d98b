// An engine that draws nothing: it records plans and pipelines, and tests drive the pipelines' events.
// Threads: any; events run on the thread that emits them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/api.hpp"

namespace napari::fakes {

class FakePipeline final : public engine::Pipeline {
 public:
  // Shared with the test, which may outlive the pipeline.
  struct State {
    std::mutex mutex;  // held while an event runs: `stop` blocks until it does not
    engine::PipelineEvents events;
    std::vector<engine::ElementSpec> chain;
    std::atomic<bool> running{false};
    std::atomic<int> keyframes_asked{0};
    std::atomic<std::uint64_t> frames{0};

    // False: the pipeline does not run.
    bool emit(bool keyframe, data::FrameInfo info = {}) {
      const std::lock_guard lock(mutex);
      if (!running) return false;
      auto frame = std::make_shared<data::EncodedFrame>();
      frame->keyframe = keyframe;
      info.frame_id = ++frames;
      frame->info = info;
      events.on_access_unit(frame);
      return true;
    }
    bool fail(const gstx::Error& error) {
      const std::lock_guard lock(mutex);
      if (!running) return false;
      events.on_error(error);
      return true;
    }
  };

  explicit FakePipeline(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~FakePipeline() override { stop(); }
  gstx::Result<void> start() override {
    state_->running = true;
    return {};
  }
  void stop() override {
    const std::lock_guard lock(state_->mutex);
    state_->running = false;
  }
  gstx::Result<void> set(std::string_view, std::string_view,
                         const engine::PropertyValue&) override {
    return {};
  }
  void request_keyframe() override { ++state_->keyframes_asked; }
  [[nodiscard]] engine::PipelineStats stats() const override {
    engine::PipelineStats stats;
    stats.frames_encoded = state_->frames;
    stats.encoder = "fake";
    return stats;
  }
  [[nodiscard]] std::string dot_graph() const override { return "digraph fake {}"; }

 private:
  std::shared_ptr<State> state_;
};

class FakeEngine final : public engine::Engine {
 public:
  // Shared with the test, since the runtime owns the engine.
  struct Log {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<data::RenderPlanPtr> plans;
    std::vector<std::shared_ptr<FakePipeline::State>> pipelines;
    std::vector<gstx::Error> make_errors;  // taken from the front by make_pipeline
    std::atomic<int> stills{0};

    std::vector<data::RenderPlanPtr> all_plans() {
      const std::lock_guard lock(mutex);
      return plans;
    }
    data::RenderPlanPtr last_plan() {
      const std::lock_guard lock(mutex);
      return plans.empty() ? nullptr : plans.back();
    }
    std::vector<std::shared_ptr<FakePipeline::State>> all_pipelines() {
      const std::lock_guard lock(mutex);
      return pipelines;
    }
  };

  explicit FakeEngine(std::shared_ptr<Log> log) : log_(std::move(log)) {}

  [[nodiscard]] engine::EngineDescription describe() const override {
    return {"fake", "tests draw nothing"};
  }
  void submit(data::RenderPlanPtr plan) override {
    const std::lock_guard lock(log_->mutex);
    log_->plans.push_back(std::move(plan));
  }
  gstx::Result<std::unique_ptr<engine::Pipeline>> make_pipeline(
      const std::vector<engine::ElementSpec>& chain, engine::PipelineEvents events) override {
    const std::lock_guard lock(log_->mutex);
    if (!log_->make_errors.empty()) {
      const gstx::Error error = log_->make_errors.front();
      log_->make_errors.erase(log_->make_errors.begin());
      return gstx::fail(error);
    }
    auto state = std::make_shared<FakePipeline::State>();
    state->events = std::move(events);
    state->chain = chain;
    log_->pipelines.push_back(state);
    return std::make_unique<FakePipeline>(state);
  }
  gstx::Result<std::vector<std::uint8_t>> draw_still(const data::RenderPlan& plan) override {
    ++log_->stills;
    return std::vector<std::uint8_t>(static_cast<std::size_t>(plan.canvas.width_px) *
                                         static_cast<std::size_t>(plan.canvas.height_px) * 4,
                                     255);
  }

 private:
  std::shared_ptr<Log> log_;
};

}  // namespace napari::fakes
