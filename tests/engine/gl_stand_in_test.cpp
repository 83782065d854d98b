// What viewers are shown while a volume is on its way to the GPU, and that they are shown the volume itself once it is there.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "engine/gl/gl_drawer.hpp"
#include "engine/gl_fixture.hpp"
#include "engine/renderer.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;

constexpr std::chrono::seconds kDeadline(20);

class GlStandInTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = make_gl_drawer(0);
    if (!made) GTEST_SKIP() << "no EGL device to draw with: " << made.error().message;
    drawer_ = *std::move(made);
    first_ = volume_plan(DType::u8, data::Interpolation::nearest, false);
    first_.canvas = {64, 48};
    first_.still = false;
    second_ = first_;
    // Takes far longer to upload than a picture to draw.
    second_.layers[0].volume->block =
        make_block(DType::u8, {384, 384, 384},
                   [](auto z, auto y, auto) { return static_cast<double>(z % 64 + y % 128); });
    second_.layers[0].volume->bricks = nullptr;
  }
  Pixels draw_on_gpu(const data::RenderPlan& plan) {
    const auto frame = drawer_->make_frame(plan.canvas);
    EXPECT_TRUE(frame);
    const auto drawn = drawer_->draw(plan, GpuTarget{*frame}, {});
    EXPECT_TRUE(drawn) << drawn.error().message;
    const auto read = (*frame)->read();
    return {read->get(), read->get() + static_cast<std::size_t>(plan.canvas.width_px) *
                                           static_cast<std::size_t>(plan.canvas.height_px) * 4};
  }
  std::unique_ptr<Drawer> drawer_;
  data::RenderPlan first_, second_;
};

TEST_F(GlStandInTest, MovingPlanShowsTheLastVolumeUntilItsOwnIsThere) {
  std::mutex mutex;
  std::condition_variable told;
  int better = 0;
  drawer_->listen_better([&] {
    const std::lock_guard lock(mutex);
    ++better;
    told.notify_one();
  });
  const Pixels before = draw_on_gpu(first_);
  EXPECT_EQ(draw_on_gpu(second_), before);
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(told.wait_for(lock, kDeadline, [&] { return better > 0; }));
  }
  const Pixels after = draw_on_gpu(second_);
  EXPECT_NE(after, before);
  EXPECT_EQ(after, *draw(*drawer_, second_)) << "a picture for the CPU is of its own plan";
  drawer_->listen_better(nullptr);
  EXPECT_EQ(better, 1);
}

TEST_F(GlStandInTest, NothingStandsInWhereNobodyListensOrNothingMoves) {
  const Pixels before = draw_on_gpu(first_);
  EXPECT_NE(draw_on_gpu(second_), before);
  drawer_->listen_better([] {});
  data::RenderPlan still = second_;
  auto renamed = std::make_shared<data::VoxelBlock>(*still.layers[0].volume->block);
  renamed->id = data::next_block_id();
  still.layers[0].volume->block = renamed;
  still.still = true;
  draw_on_gpu(first_);
  EXPECT_NE(draw_on_gpu(still), before);
  drawer_->listen_better(nullptr);
}

TEST_F(GlStandInTest, RendererDrawsAgainWithoutANewPlan) {
  const Pixels wanted = *draw(*drawer_, second_);
  auto made = make_gl_drawer(0);
  ASSERT_TRUE(made);
  Renderer renderer(*std::move(made), {});
  const auto shown = [&] {
    const auto picture = renderer.picture();
    EXPECT_TRUE(picture) << picture.error().message;
    const auto pixels = pixels_of(**picture);
    return Pixels(pixels->get(), pixels->get() + wanted.size());
  };
  renderer.submit(std::make_shared<data::RenderPlan>(first_));
  const Pixels before = shown();
  renderer.submit(std::make_shared<data::RenderPlan>(second_));
  const std::uint64_t damage = renderer.damage();
  EXPECT_EQ(shown(), before);
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (renderer.damage() == damage && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(shown(), wanted);
  EXPECT_EQ(renderer.damage(), damage + 1);
}

TEST_F(GlStandInTest, DrawerEndsWhileItUploads) {
  drawer_->listen_better([] { ADD_FAILURE() << "told after the end"; });
  draw_on_gpu(first_);
  draw_on_gpu(second_);
  drawer_.reset();
}

}  // namespace
}  // namespace napari::engine::gl_test
