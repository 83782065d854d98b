// The runtime as a whole over a fake engine: threads, chains, stores that hang, shut-down.
#include "runtime/runtime.hpp"

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "data/config.hpp"
#include "fakes/blocking_source.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/fake_engine.hpp"
#include "fakes/patience.hpp"
#include "fakes/wait_until.hpp"
#include "runtime/standalone_view.hpp"

namespace napari::runtime {
namespace {

using fakes::BlockingSource;
using fakes::wait_until;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Main, as a queue that the test runs.
class FakeMain {
 public:
  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  void run() {
    std::deque<std::function<void()>> batch;
    {
      const std::lock_guard lock(mutex_);
      batch.swap(tasks_);
    }
    for (auto& task : batch) task();
  }

 private:
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
};

class RuntimeTest : public testing::Test {
 protected:
  void start() {
    RuntimeConfig config;
    config.serve.canvas = {640, 480};
    config.serve.memory_budget_bytes = std::int64_t{256} << 20;
    config.post = [this](std::function<void()> task) { main_.post(std::move(task)); };
    config.open_image = [this](const std::string& path) -> gstx::Result<data::ImageSourcePtr> {
      if (path != "/synthetic") return gstx::fail(gstx::ErrorCode::not_found, "no " + path);
      return source_;
    };
    RuntimeEvents events;
    events.on_pose = [this](const scene::CameraPose&, std::uint64_t version) {
      pose_version_ = version;
    };
    events.on_level = [this](int level) { level_ = level; };
    events.on_config = [this](Tier, const data::StreamConfig&) { ++configs_; };
    events.on_thumbnail = [this](std::vector<std::uint8_t> pixels) {
      thumbnail_ = std::move(pixels);
    };
    events.on_error = [this](const gstx::Error& error) { errors_.push_back(error); };
    ChainTimings timings;
    timings.grace_ns = 20 * kMsNs;
    timings.backoff_ns = 2 * kMsNs;
    timings.rebuilds_max = 2;
    auto made = make_runtime(std::move(config), std::move(events),
                             std::make_unique<fakes::FakeEngine>(log_), timings);
    ASSERT_TRUE(made);
    runtime_ = std::move(*made);
  }
  // Opens the source and shows it, as control does.
  void open_and_show(int ndisplay = 2) {
    std::optional<scene::OpenedImage> opened;
    runtime_->open("/synthetic",
                   [&](gstx::Result<scene::OpenedImage> result) { opened = *result; });
    ASSERT_TRUE(eventually([&] { return opened.has_value(); }));
    snapshot_.image = opened->source;
    snapshot_.dataset_id = 1;
    snapshot_.dims.order = {0, 1, 2};
    snapshot_.dims.current_step = {0, 0, 0};
    snapshot_.dims.ndisplay = ndisplay;
    snapshot_.layers = {scene::Layer{}};
    snapshot_.layers[0].controls.contrast_limits = opened->contrast_limits;
    apply();
  }
  void apply() {
    snapshot_.scene_version = ++version_;
    runtime_->apply(std::make_shared<scene::RenderSnapshot>(snapshot_));
  }
  void pan() {
    scene::CameraCommand command{.kind = scene::CameraCommandKind::pan,
                                 .scene_version = ++version_};
    command.delta_px = {2, 1};
    runtime_->move_camera(command);
  }
  [[nodiscard]] bool eventually(const std::function<bool()>& condition,
                                milliseconds limit = std::chrono::seconds(8)) {
    return wait_until(
        [&] {
          main_.run();
          return condition();
        },
        limit);
  }
  [[nodiscard]] bool is_still() {
    const auto plan = log_->last_plan();
    return plan && plan->still && plan->scene_version == version_;
  }
  [[nodiscard]] std::shared_ptr<fakes::FakePipeline::State> pipeline(std::size_t number) {
    EXPECT_TRUE(eventually([&] {
      const auto all = log_->all_pipelines();
      return all.size() > number && all[number]->running;
    }));
    return log_->all_pipelines()[number];
  }

  FakeMain main_;
  std::shared_ptr<fakes::FakeEngine::Log> log_ = std::make_shared<fakes::FakeEngine::Log>();
  std::shared_ptr<BlockingSource> source_ =
      std::make_shared<BlockingSource>(std::vector<std::int64_t>{32, 1024, 1024}, 128, 3);
  scene::RenderSnapshot snapshot_;
  std::uint64_t version_{0}, pose_version_{0};
  int level_{-1}, configs_{0};
  std::vector<std::uint8_t> thumbnail_;
  std::vector<gstx::Error> errors_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(RuntimeTest, OpensDrawsSettlesAndReports) {
  start();
  open_and_show();
  ASSERT_TRUE(eventually([&] { return is_still(); }));
  EXPECT_EQ(log_->last_plan()->layers.size(), 1U);
  EXPECT_TRUE(eventually([&] { return thumbnail_.size() == 32 * 32 * 4; }));
  EXPECT_TRUE(eventually([&] { return level_ == 1; }));
  const auto report = runtime_->report();
  EXPECT_EQ(report.draws_with, "fake");
  EXPECT_EQ(report.level_drawn, 1);
  EXPECT_GT(report.reads, 0U);
  EXPECT_GT(report.cache_bytes, 0U);
  EXPECT_EQ(report.tiers.size(), 2U);
  EXPECT_EQ(runtime_->home_pose(snapshot_).plane.center, (data::Vec2{511.5, 511.5}));
  EXPECT_TRUE(errors_.empty());
}

TEST_F(RuntimeTest, ReportsADataSetThatCannotBeOpened) {
  start();
  std::optional<gstx::Error> error;
  runtime_->open("/nowhere",
                 [&](gstx::Result<scene::OpenedImage> result) { error = result.error(); });
  ASSERT_TRUE(eventually([&] { return error.has_value(); }));
  EXPECT_EQ(error->code, gstx::ErrorCode::not_found);
}

TEST_F(RuntimeTest, FramesKeepComingWhileTheStoreHangs) {
  source_->shut(0);
  source_->shut(1);
  start();
  open_and_show();
  ASSERT_TRUE(eventually([&] { return source_->waiting() > 0; }));
  // Every move is in a plan soon, with the coarse voxels in it, though nothing finer can be read.
  for (int i = 0; i < 30; ++i) {
    pan();
    const auto moved = steady_clock::now();
    ASSERT_TRUE(eventually([&] {
      const auto plan = log_->last_plan();
      return plan && plan->scene_version == version_ && !plan->layers[0].patches.empty();
    }));
    EXPECT_LT(steady_clock::now() - moved, milliseconds(100) * fakes::patience());
  }
  EXPECT_FALSE(log_->last_plan()->still);
  source_->open(1);
  source_->open(0);
  EXPECT_TRUE(eventually([&] { return is_still(); }));
}

TEST_F(RuntimeTest, CoarseDataIsDrawnWithin100msOfBeingThere) {
  for (int level = 0; level < 3; ++level) source_->shut(level);
  start();
  source_->open(2);  // contrast is measured there
  std::optional<scene::OpenedImage> opened;
  runtime_->open("/synthetic", [&](gstx::Result<scene::OpenedImage> result) { opened = *result; });
  ASSERT_TRUE(eventually([&] { return opened.has_value(); }));
  source_->shut(2);
  snapshot_.image = opened->source;
  snapshot_.dims.order = {0, 1, 2};
  snapshot_.dims.current_step = {0, 0, 0};
  snapshot_.layers = {scene::Layer{}};
  apply();
  ASSERT_TRUE(eventually([&] { return source_->waiting() >= 1; }));
  const auto there = steady_clock::now();
  source_->open(2);
  ASSERT_TRUE(eventually([&] {
    const auto plan = log_->last_plan();
    return plan && !plan->layers.empty() && !plan->layers[0].patches.empty();
  }));
  EXPECT_LT(steady_clock::now() - there, milliseconds(100) * fakes::patience());
}

TEST_F(RuntimeTest, ReadsOfAnIndexThatWasLeftEndWithin50ms) {
  source_->shut(0);
  source_->shut(1);
  start();
  open_and_show();
  ASSERT_TRUE(eventually([&] { return source_->waiting() > 0; }));
  snapshot_.image = nullptr;
  snapshot_.dataset_id = 2;
  const auto left = steady_clock::now();
  apply();
  ASSERT_TRUE(eventually([&] { return source_->waiting() == 0; }));
  EXPECT_LT(steady_clock::now() - left, milliseconds(50) * fakes::patience());
  EXPECT_TRUE(eventually([&] { return runtime_->report().reads_cancelled > 0; }));
}

TEST_F(RuntimeTest, ABrokenLevelIsReportedAndTheRestIsDrawn) {
  source_->break_level(1);
  start();
  open_and_show();
  ASSERT_TRUE(eventually([&] { return is_still() && !errors_.empty(); }));
  EXPECT_NE(errors_[0].message.find("/synthetic/1"), std::string::npos);
  EXPECT_FALSE(log_->last_plan()->layers[0].patches.empty());
}

TEST_F(RuntimeTest, AChainLivesWhileSomebodyWatches) {
  start();
  EXPECT_TRUE(log_->all_pipelines().empty());
  std::atomic<int> frames{0};
  const auto id = runtime_->subscribe(Tier::web, [&](const data::EncodedFramePtr&) { ++frames; });
  ASSERT_TRUE(id);
  const auto first = pipeline(0);
  EXPECT_EQ(first->chain.front().factory, "naparieglsrc");
  EXPECT_TRUE(first->emit(false));
  EXPECT_EQ(frames, 0) << "not before an IDR";
  EXPECT_TRUE(first->emit(true));
  EXPECT_TRUE(first->emit(false));
  EXPECT_EQ(frames, 2);
  EXPECT_TRUE(runtime_->report().tiers[0].running);
  EXPECT_EQ(runtime_->pipeline_dot(), "digraph fake {}");
  runtime_->unsubscribe(*id);
  EXPECT_TRUE(eventually([&] { return !first->running; })) << "stopped after the grace";
  const auto again =
      runtime_->subscribe(Tier::web, [&](const data::EncodedFramePtr&) { ++frames; });
  ASSERT_TRUE(again);
  EXPECT_TRUE(pipeline(1)->running);
}

TEST_F(RuntimeTest, TiersHaveTheirOwnOrientationAndColour) {
  data::ServeConfig config;
  const auto find = [&](Tier tier, const std::string& name, const std::string& property) {
    for (const auto& element : chain_spec(tier, config))
      if (element.name == name)
        for (const auto& [key, value] : element.properties)
          if (key == property) return value;
    return engine::PropertyValue();
  };
  EXPECT_EQ(std::get<bool>(find(Tier::web, "convert", "flip")), false);
  EXPECT_EQ(std::get<bool>(find(Tier::napari, "convert", "flip")), true);
  EXPECT_NE(std::get<std::string>(find(Tier::web, "encoded", "caps")).find("bt709"),
            std::string::npos);
  EXPECT_NE(std::get<std::string>(find(Tier::napari, "encoded", "caps")).find("bt601"),
            std::string::npos);
  EXPECT_LT(std::get<std::int64_t>(find(Tier::napari, "out", "idr-interval")), 2000);
}

TEST_F(RuntimeTest, JoinersShareOneKeyframe) {
  start();
  std::vector<std::uint64_t> ids;
  const auto join = [&] {
    auto id = runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {});
    ASSERT_TRUE(id);
    ids.push_back(*id);
  };
  join();
  const auto chain = pipeline(0);
  EXPECT_TRUE(chain->emit(true));
  const int before = chain->keyframes_asked;
  for (int i = 0; i < 5; ++i) join();
  EXPECT_EQ(chain->keyframes_asked, before + 1);
  EXPECT_TRUE(chain->emit(true));
  join();
  EXPECT_EQ(chain->keyframes_asked, before + 2);
  for (const auto id : ids) runtime_->unsubscribe(id);
}

TEST_F(RuntimeTest, ADyingChainIsRebuiltAndGivenUpInTheEnd) {
  start();
  ASSERT_TRUE(runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {}));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(pipeline(i)->fail({gstx::ErrorCode::internal, "encoder died"}));
  ASSERT_TRUE(eventually([&] { return errors_.size() == 3; }));
  EXPECT_NE(errors_[2].message.find("given up"), std::string::npos);
  EXPECT_FALSE(runtime_->report().tiers[0].running);
  ASSERT_TRUE(runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {}));
  EXPECT_TRUE(pipeline(3)->running) << "somebody new is a reason to try again";
}

TEST_F(RuntimeTest, WithoutAnEncoderSubscribersAreRefused) {
  log_->make_errors = {{gstx::ErrorCode::unsupported, "no encoder opens"}};
  start();
  ASSERT_TRUE(runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {}));
  ASSERT_TRUE(eventually([&] { return !errors_.empty(); }));
  const auto refused = runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "no encoder opens");
}

TEST_F(RuntimeTest, SubscribersAreBounded) {
  start();
  for (int i = 0; i < data::kSubscribersMax; ++i)
    ASSERT_TRUE(runtime_->subscribe(Tier::napari, [](const data::EncodedFramePtr&) {}));
  EXPECT_FALSE(runtime_->subscribe(Tier::napari, [](const data::EncodedFramePtr&) {}));
}

TEST_F(RuntimeTest, UnsubscribeWaitsForARunningCallback) {
  start();
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  std::atomic<bool> left{false};
  const auto id = runtime_->subscribe(Tier::web, [&](const data::EncodedFramePtr&) {
    inside = true;
    EXPECT_TRUE(wait_until([&] { return leave.load(); }));
    left = true;
  });
  const auto chain = pipeline(0);
  std::thread streaming([&] { chain->emit(true); });
  ASSERT_TRUE(wait_until([&] { return inside.load(); }));
  std::thread releasing([&] { leave = true; });
  runtime_->unsubscribe(*id);
  EXPECT_TRUE(left);
  streaming.join();
  releasing.join();
}

TEST_F(RuntimeTest, ACallbackMayUnsubscribeItself) {
  start();
  std::atomic<int> frames{0};
  std::uint64_t id = 0;
  id = *runtime_->subscribe(Tier::web, [&](const data::EncodedFramePtr&) {
    ++frames;
    runtime_->unsubscribe(id);
  });
  const auto chain = pipeline(0);
  chain->emit(true);
  chain->emit(true);
  EXPECT_EQ(frames, 1);
}

TEST_F(RuntimeTest, OpensAndClosesAHundredTimes) {
  for (int i = 0; i < 100; ++i) {
    if (i % 3 == 0) source_->shut(0), source_->shut(1);
    start();
    if (HasFatalFailure()) return;
    open_and_show(2 + i % 2);
    ASSERT_TRUE(runtime_->subscribe(Tier::web, [](const data::EncodedFramePtr&) {}));
    for (int move = 0; move < i % 5; ++move) pan();
    const auto closing = steady_clock::now();
    runtime_.reset();
    EXPECT_LT(steady_clock::now() - closing, milliseconds(1000) * fakes::patience());
    main_.run();  // what was posted finds nobody and does no harm
    source_->open(0);
    source_->open(1);
  }
  for (const auto& pipeline : log_->all_pipelines()) EXPECT_FALSE(pipeline->running);
}

TEST_F(RuntimeTest, AStandaloneViewDrawsWithoutAServer) {
  std::mutex mutex;
  data::RenderPlanPtr last;
  const auto view = make_standalone_view(source_, {320, 240}, 3, [&](data::RenderPlanPtr plan) {
    const std::lock_guard lock(mutex);
    last = std::move(plan);
  });
  ASSERT_TRUE(view);
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return last && last->still && last->layers.size() == 1 && last->layers[0].volume;
  }));
  EXPECT_FALSE(make_standalone_view("/nowhere/at.all", {320, 240}, 2, [](data::RenderPlanPtr) {}));
}

TEST(FrameHub, AsksAgainForAKeyframeThatWasLost) {
  fakes::FakeClock clock;
  int asked = 0;
  FrameHub hub([&] { ++asked; }, clock);
  ASSERT_TRUE(hub.subscribe(1, [](const data::EncodedFramePtr&) {}));
  ASSERT_TRUE(hub.subscribe(2, [](const data::EncodedFramePtr&) {}));
  EXPECT_EQ(asked, 1);
  clock.advance_ms(1500);
  ASSERT_TRUE(hub.subscribe(3, [](const data::EncodedFramePtr&) {}));
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace napari::runtime
