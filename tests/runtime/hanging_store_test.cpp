// Point A1.5 as one run in real time: a store whose reads block for five seconds, and what a viewer notices of it.
#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fakes/blocking_source.hpp"
#include "fakes/fake_engine.hpp"
#include "fakes/patience.hpp"
#include "fakes/wait_until.hpp"
#include "runtime/runtime.hpp"

namespace napari::runtime {
namespace {

using fakes::BlockingSource;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kBlocked{5};
constexpr milliseconds kInputInterval{16};

double ms_since(steady_clock::time_point start) {
  return duration<double, std::milli>(steady_clock::now() - start).count();
}

class HangingStore : public testing::Test {
 protected:
  void SetUp() override {
    RuntimeConfig config;
    config.serve.canvas = {640, 480};
    config.serve.memory_budget_bytes = std::int64_t{256} << 20;
    config.open_image = [this](const std::string&) -> gstx::Result<data::ImageSourcePtr> {
      return source_;
    };
    config.post = [this](std::function<void()> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    };
    auto made = make_runtime(std::move(config), {}, std::make_unique<fakes::FakeEngine>(log_), {});
    ASSERT_TRUE(made);
    runtime_ = std::move(*made);
    std::optional<scene::OpenedImage> opened;
    runtime_->open("/synthetic", [&](gstx::Result<scene::OpenedImage> r) { opened = *r; });
    ASSERT_TRUE(eventually([&] { return opened.has_value(); }));
    snapshot_.image = opened->source;
    snapshot_.dataset_id = 1;
    snapshot_.dims.order = {0, 1, 2};
    snapshot_.dims.current_step = {0, 0, 0};
    snapshot_.layers = {scene::Layer{}};
  }
  void TearDown() override { runtime_.reset(); }

  [[nodiscard]] bool eventually(const std::function<bool()>& condition) {
    return fakes::wait_until([&] {
      std::deque<std::function<void()>> batch;
      {
        const std::lock_guard lock(mutex_);
        batch.swap(tasks_);
      }
      for (auto& task : batch) task();
      return condition();
    });
  }
  void apply() {
    snapshot_.scene_version = ++version_;
    runtime_->apply(std::make_shared<scene::RenderSnapshot>(snapshot_));
  }
  void pan() {
    scene::CameraCommand command{.kind = scene::CameraCommandKind::pan,
                                 .scene_version = ++version_};
    command.delta_px = {1, 0};
    runtime_->move_camera(command);
  }
  [[nodiscard]] bool shows_newest() const {
    const auto plan = log_->last_plan();
    return plan && plan->scene_version == version_ && !plan->layers.empty() &&
           !plan->layers[0].patches.empty();
  }

  std::shared_ptr<BlockingSource> source_ =
      std::make_shared<BlockingSource>(std::vector<std::int64_t>{32, 1024, 1024}, 128, 3);
  std::shared_ptr<fakes::FakeEngine::Log> log_ = std::make_shared<fakes::FakeEngine::Log>();
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  scene::RenderSnapshot snapshot_;
  std::uint64_t version_{0};
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(HangingStore, AStoreThatBlocksForFiveSeconds) {
  for (int level = 0; level < 3; ++level) source_->shut(level);
  apply();
  ASSERT_TRUE(eventually([&] { return source_->waiting() > 0; }));
  const auto there = steady_clock::now();
  source_->open(2);
  ASSERT_TRUE(eventually([&] { return shows_newest(); }));
  const double coarse_ms = ms_since(there);

  // The finer levels' reads block on; the view moves at the rate of a hand.
  int frames = 0;
  double slowest_ms = 0;
  const auto blocked = steady_clock::now();
  for (auto input = blocked; input < blocked + kBlocked; input += kInputInterval) {
    std::this_thread::sleep_until(input);
    pan();
    const auto moved = steady_clock::now();
    ASSERT_TRUE(eventually([&] { return shows_newest(); }));
    slowest_ms = std::max(slowest_ms, ms_since(moved));
    ++frames;
  }
  EXPECT_GT(source_->waiting(), 0) << "the store must have blocked all the time";
  EXPECT_FALSE(log_->last_plan()->still);

  snapshot_.image = nullptr;
  snapshot_.dataset_id = 2;
  const auto left = steady_clock::now();
  apply();
  ASSERT_TRUE(eventually([&] { return source_->waiting() == 0; }));
  const double cancelled_ms = ms_since(left);

  const int factor = fakes::patience();
  EXPECT_LT(coarse_ms, 100 * factor);
  EXPECT_LT(slowest_ms, 100 * factor);
  EXPECT_GT(frames, 300 / factor);
  EXPECT_LT(cancelled_ms, 50 * factor);
  fmt::print(stderr,
             "evidence A1.5 store blocked {:.1f} s: {} plans, slowest {:.1f} ms after its input; "
             "coarse data drawn "
             "{:.1f} ms after it was there; reads cancelled within {:.1f} ms\n",
             duration<double>(left - blocked).count(), frames, slowest_ms, coarse_ms, cancelled_ms);
}

}  // namespace
}  // namespace napari::runtime
