#include "runtime/render_worker.hpp"

#include <utility>

namespace napari::runtime {

RenderWorker::RenderWorker(RenderWorkerConfig config, DirectorEvents events, const Clock& clock)
    : clock_(clock), thread_(std::make_unique<gstx::ContextThread>("render")) {
  loader_ = std::make_unique<BlockLoader>(config.loader_threads, [this](LoadResult result) {
    // A shared pointer, since a task is copyable.
    auto shared = std::make_shared<LoadResult>(std::move(result));
    thread_->post([this, shared] {
      director_->take_block(std::move(*shared), clock_.now_ns());
      wake();
    });
  });
  events.want = [this](std::vector<LoadRequest> requests) { loader_->want(std::move(requests)); };
  thread_->run_sync([&] {
    director_ = std::make_unique<Director>(config.director, std::move(events));
    timer_ = std::make_unique<Timer>(thread_->context(), [this] { run_step(); });
  });
}

RenderWorker::~RenderWorker() {
  // The render thread may still ask the loader for blocks, and the loader post to the render thread: first the Director
  // goes silent, then the loader's threads end, and the thread runs out what they had posted before it goes itself.
  thread_->run_sync([this] { timer_.reset(); });
  loader_->close();
  thread_->run_sync([] {});
  thread_.reset();
  loader_.reset();
}

void RenderWorker::apply(scene::RenderSnapshotPtr snapshot) {
  const Mode mode{snapshot->dataset_id, snapshot->dims.ndisplay};
  const bool changed = mode_.with([&](Mode& held) { return std::exchange(held, mode) != mode; });
  if (changed) commands_.split();
  snapshots_.put(std::move(snapshot));
  wake();
}

void RenderWorker::move_camera(const scene::CameraCommand& command) {
  commands_.push(command);
  wake();
}

void RenderWorker::note_drawn(const data::FrameInfo& info) {
  thread_->post([this, info] {
    if (director_->take_drawn(info)) wake();
  });
}

void RenderWorker::note_encoded(double encode_ms) {
  thread_->post([this, encode_ms] { director_->take_encoded(encode_ms); });
}

void RenderWorker::wake() {
  if (!woken_.exchange(true)) thread_->post([this] { run_step(); });
}

void RenderWorker::run_step() {
  woken_ = false;
  if (!timer_) return;  // ending
  const std::int64_t now_ns = clock_.now_ns();
  auto snapshot = snapshots_.take();
  director_->take_inputs(snapshot ? std::move(*snapshot) : nullptr, commands_.take(), now_ns);
  timer_->set(director_->step(now_ns));
  const auto report = director_->report();
  report_.with([&](Director::Report& held) { held = report; });
}

}  // namespace napari::runtime
