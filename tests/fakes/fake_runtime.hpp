// A runtime without threads, pixels or disk: records what control asks of it and plays back what the test says. `push` may
// be called on any thread, as an encoder's streaming thread would; everything else is [main].
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gstx/thread.hpp"
#include "runtime/interface.hpp"

namespace napari::fakes {

class FakeRuntime final : public runtime::Runtime {
 public:
  // What `open` gives for a path; the reply comes in a later turn of the main loop.
  std::function<gstx::Result<scene::OpenedImage>(const std::string&)> on_open;
  bool hold_open{false};        // replies wait for `release_open`
  bool answer_keyframes{true};  // a request pushes an IDR
  scene::CameraPose home;
  gstx::Error subscribe_error{gstx::ErrorCode::internal, ""};  // with a message: subscribe fails

  std::vector<scene::RenderSnapshotPtr> snapshots;
  std::vector<scene::CameraCommand> commands;
  std::map<runtime::Tier, int> keyframe_requests;
  std::size_t frame_bytes{1000};

  void open(std::string path, std::function<void(gstx::Result<scene::OpenedImage>)> done) override {
    auto reply = [this, path = std::move(path), done = std::move(done)] { done(on_open(path)); };
    if (hold_open) {
      held_.push_back(std::move(reply));
    } else {
      queue_.post(std::move(reply));
    }
  }
  void release_open() {
    for (auto& reply : std::exchange(held_, {})) queue_.post(std::move(reply));
  }

  void apply(scene::RenderSnapshotPtr snapshot) override {
    snapshots.push_back(std::move(snapshot));
  }
  void move_camera(scene::CameraCommand command) override { commands.push_back(command); }
  [[nodiscard]] scene::CameraPose home_pose(const scene::RenderSnapshot&) const override {
    return home;
  }

  gstx::Result<std::uint64_t> subscribe(runtime::Tier tier,
                                        runtime::FrameCallback callback) override {
    if (!subscribe_error.message.empty()) return gstx::fail(subscribe_error);
    const std::uint64_t id = ++ids_;
    subscribers_.with([&](auto& all) { all[id] = {tier, std::move(callback)}; });
    if (answer_keyframes) queue_.post([this, tier] { push(tier, true); });
    return id;
  }
  void unsubscribe(std::uint64_t id) override {
    subscribers_.with([&](auto& all) { all.erase(id); });
  }
  void request_keyframe(runtime::Tier tier) override {
    ++keyframe_requests[tier];
    if (answer_keyframes) queue_.post([this, tier] { push(tier, true); });
  }

  // [any] One access unit to every subscriber of the tier; its payload begins with its number.
  void push(runtime::Tier tier, bool keyframe) {
    auto frame = std::make_shared<data::EncodedFrame>();
    const std::uint64_t number = ++frames_;
    frame->size = {640, 480};
    frame->keyframe = keyframe;
    frame->avcc.assign(frame_bytes, static_cast<std::uint8_t>(number));
    frame->info = {.frame_id = number,
                   .scene_version = 7,
                   .render_start_ns = g_get_monotonic_time() * 1000 - 2000,
                   .render_end_ns = g_get_monotonic_time() * 1000 - 1000};
    frame->encoded_ns = g_get_monotonic_time() * 1000;
    subscribers_.with([&](auto& all) {
      for (auto& [id, subscriber] : all) {
        if (subscriber.first == tier) subscriber.second(frame);
      }
    });
  }
  [[nodiscard]] std::size_t subscribers() const {
    return subscribers_.with([](const auto& all) { return all.size(); });
  }

  [[nodiscard]] runtime::RuntimeReport report() const override { return {}; }
  [[nodiscard]] std::string pipeline_dot() const override { return "digraph {}"; }

 private:
  using Subscribers = std::map<std::uint64_t, std::pair<runtime::Tier, runtime::FrameCallback>>;
  gstx::Guarded<Subscribers> subscribers_;
  std::uint64_t ids_{0};
  std::atomic<std::uint64_t> frames_{0};
  std::vector<std::function<void()>> held_;
  gstx::TaskQueue queue_{nullptr};
};

}  // namespace napari::fakes
