#include "engine/renderer.hpp"

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "engine/frame_barcode.hpp"
#include "engine/picture_pool.hpp"
#include "engine/thread_pool.hpp"
#include "fakes/patience.hpp"

namespace napari::engine {
namespace {

// Writes the plan's version into every byte; can be held inside a draw until let go or stopped.
class FakeDrawer final : public Drawer {
 public:
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    bool hold{false};
    int entered{0};

    void let_go() {
      const std::lock_guard lock(mutex);
      hold = false;
      changed.notify_all();
    }
    bool wait_entered(int count) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, std::chrono::seconds(8) * fakes::patience(),
                              [&] { return entered >= count; });
    }
  };
  explicit FakeDrawer(Control& control) : control_(control) {}
  [[nodiscard]] std::string name() const override { return "fake"; }
  void set_skipping(bool /*enabled*/) override {}
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override {
    std::ranges::fill(std::get<CpuTarget>(target).rgba,
                      static_cast<std::uint8_t>(plan.scene_version));
    const std::stop_callback wake(stop, [this] {
      const std::lock_guard lock(control_.mutex);
      control_.changed.notify_all();
    });
    std::unique_lock lock(control_.mutex);
    ++control_.entered;
    control_.changed.notify_all();
    control_.changed.wait(lock, [&] { return !control_.hold || stop.stop_requested(); });
    if (stop.stop_requested()) return gstx::fail(gstx::ErrorCode::unavailable, "stopped");
    return {};
  }

 private:
  Control& control_;
};

data::RenderPlanPtr make_plan(std::uint64_t version, bool still) {
  auto plan = std::make_shared<data::RenderPlan>();
  plan->scene_version = version;
  plan->canvas = {64, 32};
  plan->still = still;
  return plan;
}

struct RendererTest : testing::Test {
  FakeDrawer::Control control;
  std::mutex drawn_mutex;  // several sources may draw, one after the other, and tell at a time
  std::vector<data::FrameInfo> drawn;
  Renderer renderer{std::make_unique<FakeDrawer>(control),
                    {false, [this](const data::FrameInfo& info) {
                       const std::lock_guard lock(drawn_mutex);
                       drawn.push_back(info);
                     }}};
};

TEST_F(RendererTest, DrawsAPlanOnceWhoeverAsks) {
  EXPECT_EQ(renderer.damage(), 0U);
  EXPECT_FALSE(renderer.picture().has_value());
  renderer.submit(make_plan(1, false));
  const auto first = renderer.picture();
  const auto second = renderer.picture();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ((*first)->info.frame_id, 1U);
  EXPECT_EQ((*first)->info.scene_version, 1U);
  EXPECT_GE((*first)->info.render_end_ns, (*first)->info.render_start_ns);
  EXPECT_EQ(drawn.size(), 1U);
  renderer.submit(make_plan(2, false));
  renderer.submit(make_plan(3, false));
  EXPECT_EQ((*renderer.picture())->info.scene_version, 3U);
  EXPECT_EQ(renderer.stats().plans_coalesced, 1U);
  EXPECT_EQ(renderer.stats().pictures_drawn, 2U);
}

TEST_F(RendererTest, GivesUpAStillPlanForANewerOne) {
  control.hold = true;
  renderer.submit(make_plan(1, true));
  auto asked = std::async(std::launch::async, [&] { return renderer.picture(); });
  ASSERT_TRUE(control.wait_entered(1));
  renderer.submit(make_plan(2, true));
  ASSERT_TRUE(control.wait_entered(2));
  control.let_go();
  const auto picture = asked.get();
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ((*picture)->info.scene_version, 2U);
  EXPECT_TRUE((*picture)->still);
  EXPECT_EQ(renderer.stats().draws_given_up, 1U);
}

TEST_F(RendererTest, FinishesAMovingPlanThoughANewerOneIsThere) {
  control.hold = true;
  renderer.submit(make_plan(1, false));
  auto asked = std::async(std::launch::async, [&] { return renderer.picture(); });
  ASSERT_TRUE(control.wait_entered(1));
  renderer.submit(make_plan(2, false));
  control.let_go();
  EXPECT_EQ((*asked.get())->info.scene_version, 1U);
  EXPECT_EQ((*renderer.picture())->info.scene_version, 2U);
}

TEST_F(RendererTest, AnInterruptEndsAWaitingAsker) {
  control.hold = true;
  renderer.submit(make_plan(1, false));
  auto asked = std::async(std::launch::async, [&] { return renderer.picture(); });
  ASSERT_TRUE(control.wait_entered(1));
  auto waiting = std::async(std::launch::async, [&] { return renderer.picture(); });
  renderer.interrupt();
  EXPECT_FALSE(asked.get().has_value());
  EXPECT_FALSE(waiting.get().has_value());
  control.let_go();
  renderer.resume();
  EXPECT_TRUE(renderer.picture().has_value());
}

TEST_F(RendererTest, WakesListenersUntilTheyLeave) {
  int wakes = 0;
  const auto id = renderer.listen([&] { ++wakes; });
  renderer.submit(make_plan(1, false));
  renderer.unlisten(id);
  renderer.submit(make_plan(2, false));
  EXPECT_EQ(wakes, 1);
}

TEST_F(RendererTest, ManySourcesAndAQuickSubmitterSeeWholePictures) {
  std::atomic<bool> done{false};
  std::vector<std::jthread> sources;
  std::atomic<int> torn{0};
  std::atomic<int> backwards{0};
  for (int i = 0; i < 3; ++i) {
    sources.emplace_back([&] {
      std::uint64_t seen = 0;
      const auto id = renderer.listen([] {});
      while (!done) {
        const auto picture = renderer.picture();
        if (!picture) continue;
        const auto& p = **picture;
        const std::size_t bytes = p.stride_bytes * static_cast<std::size_t>(p.size.height_px);
        const auto expected = static_cast<std::uint8_t>(p.info.scene_version);
        if (p.rgba.get()[0] != expected || p.rgba.get()[bytes - 1] != expected) ++torn;
        if (p.info.scene_version < seen) ++backwards;
        seen = p.info.scene_version;
      }
      renderer.unlisten(id);
    });
  }
  for (std::uint64_t version = 1; version <= 2000; ++version)
    renderer.submit(make_plan(version, version % 3 == 0));
  EXPECT_EQ((*renderer.picture())->info.scene_version, 2000U);
  done = true;
  sources.clear();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(backwards, 0);
}

TEST(Renderer, DrawsSmallerThanTheCanvasWithTheBarcodeOfTheCanvas) {
  FakeDrawer::Control control;
  Renderer renderer(std::make_unique<FakeDrawer>(control), {true, {}});
  auto plan = std::make_shared<data::RenderPlan>(*make_plan(9, false));
  plan->canvas = {1280, 720};
  plan->draw_scale = 0.5003;
  renderer.submit(plan);
  const auto picture = renderer.picture();
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ((*picture)->size, (data::CanvasSize{642, 362}));
  EXPECT_EQ((*picture)->rgba.get()[0], 255) << "the first marker is white";
  plan = std::make_shared<data::RenderPlan>(*plan);
  plan->draw_scale = 0;
  renderer.submit(plan);
  EXPECT_FALSE(renderer.picture().has_value());
  plan = std::make_shared<data::RenderPlan>(*plan);
  plan->draw_scale = 1e-9;
  EXPECT_EQ(drawn_size(*plan), (data::CanvasSize{2, 2}));
}

TEST(PicturePool, ReusesMemoryAndOutlivesItself) {
  auto pool = std::make_shared<PicturePool>();
  std::uint8_t* memory = nullptr;
  {
    const auto picture = pool->take(1000);
    memory = picture.get();
  }
  auto again = pool->take(1000);
  EXPECT_EQ(again.get(), memory);
  std::vector<std::shared_ptr<std::uint8_t>> many;
  for (int i = 0; i < 10; ++i) many.push_back(pool->take(1000));
  many.clear();
  EXPECT_EQ(pool->idle(), PicturePool::kIdleMax);
  pool.reset();
  again.get()[999] = 1;
  std::thread([picture = std::move(again)]() mutable { picture.reset(); }).join();
}

TEST(ThreadPool, RunsEachTileOnceAndStops) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> runs(1000);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(pool.run(
        1000, [&](int tile) { ++runs[static_cast<std::size_t>(tile)]; }, std::stop_token()));
  }
  for (const auto& count : runs) EXPECT_EQ(count, 20);
  std::stop_source stop;
  std::atomic<int> begun{0};
  std::atomic<int> begun_late{0};
  EXPECT_FALSE(pool.run(
      1000,
      [&](int) {
        if (stop.stop_requested()) ++begun_late;
        if (++begun == 5) stop.request_stop();
      },
      stop.get_token()));
  EXPECT_LE(begun_late, 3) << "each other thread may have looked just before";
}

TEST(ThreadPool, TwoCallersDoNotWaitForEachOther) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round)
        pool.run(
            16, [&](int) { ++sum; }, std::stop_token());
    });
  }
  callers.clear();
  EXPECT_EQ(sum, 3 * 200 * 16);
}

}  // namespace
}  // namespace napari::engine
