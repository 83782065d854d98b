// What the Director decides about volumes: which level, when, and within which budget.
#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "runtime/director_fixture.hpp"

namespace napari::runtime {
namespace {

TEST_F(DirectorTest, AVolumeIsDrawnAtTheFinestLevelThatIsThere) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{128, 128, 128}, 32, 3), 3);
  step();
  EXPECT_EQ(wanted_[0].key.kind, ReadKind::volume);
  EXPECT_EQ(wanted_[0].key.chunk.level, 2);
  load(2);
  run_ms(10);
  ASSERT_TRUE(plan().layers[0].volume);
  EXPECT_EQ(plan().ndisplay, 3);
  EXPECT_EQ(plan().layers[0].volume->spacing, (data::Vec3{4, 4, 4}));
  load_all();
  run_ms(100);
  EXPECT_EQ(plan().layers[0].volume->spacing, (data::Vec3{1, 1, 1}));
  EXPECT_TRUE(plan().still);
}

TEST_F(DirectorTest, AVolumeThatDrawsTooSlowlyMovesAtACoarserLevel) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{128, 128, 128}, 32, 3), 3);
  step();
  load_all();
  run_ms(100);
  draw(200);  // the still picture of level 0
  for (int i = 0; i < 5; ++i) {
    pan(1);
    step();
    run_ms(17);
  }
  EXPECT_GT(plan().layers[0].volume->spacing[0], 1);
  EXPECT_LT(plan().draw_scale, 1);
  run_ms(200);
  EXPECT_EQ(plan().layers[0].volume->spacing[0], 1) << "a still picture may take its time";
  EXPECT_TRUE(plan().still);
}

TEST_F(DirectorTest, AVolumeThatDrawsSlowlySettlesAtACoarserLevelFirstAndAtTheFinestThen) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{128, 128, 128}, 32, 3), 3);
  step();
  load_all();
  run_ms(100);
  draw(900);  // level 0: too slow for the first still picture, not for one that nobody waits for
  run_ms(50);
  const auto level = [&] { return std::log2(plan().layers[0].volume->spacing[0]); };
  for (int turn = 0; turn < 3; ++turn) {
    pan(1);
    step();
    run_ms(200);
    ASSERT_GE(level(), 1) << "a full picture soon";
    EXPECT_TRUE(plan().still);
    const std::size_t first = plans_.size();
    run_ms(1000);
    EXPECT_EQ(plans_.size(), first) << "before it was drawn nothing takes its place";
    draw(200);
    step();
    run_ms(50);
    EXPECT_EQ(level(), 0);
    EXPECT_TRUE(plan().still) << "so that an input ends it";
    EXPECT_EQ(levels_.back(), 0);
    draw(900);
    step();
    run_ms(1000);
    EXPECT_EQ(plans_.size(), first + 1) << "and then nothing";
  }
}

TEST_F(DirectorTest, AFinestVolumeThatMustBeReadDoesNotUnsettleThePicture) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{256, 256, 256}, 64, 4), 3);
  step();
  load(3);
  run_ms(100);
  for (int i = 0; i < 3; ++i) {
    pan(1);
    step();
    run_ms(20);
    draw(30);  // the coarsest already costs so much that nothing finer is affordable under 400 ms
  }
  run_ms(100);
  ASSERT_TRUE(wanted_levels().empty() || *wanted_levels().begin() > 0);
  load_all();
  run_ms(200);
  draw(250);
  step();
  run_ms(50);
  const std::size_t settled = plans_.size();
  EXPECT_TRUE(plan().still);
  ASSERT_EQ(wanted_levels(), std::set<int>{0}) << "asked for, and not missed";
  load(0);
  run_ms(50);
  EXPECT_EQ(plans_.size(), settled + 1);
  EXPECT_EQ(plan().layers[0].volume->spacing[0], 1);
  EXPECT_TRUE(plan().still);
}

TEST_F(DirectorTest, AVolumeTooSlowForAnybodyStaysCoarse) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{128, 128, 128}, 32, 3), 3);
  step();
  load_all();
  run_ms(100);
  draw(6000);
  for (int turn = 0; turn < 2; ++turn) {
    pan(1);
    step();
    run_ms(200);
    draw(200);
    step();
    run_ms(500);
    EXPECT_GE(plan().layers[0].volume->spacing[0], 2);
    EXPECT_TRUE(plan().still);
  }
}

TEST_F(DirectorTest, AVolumeOverTheBudgetIsReportedAndTheViewLivesOn) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{512, 512, 512}, 64, 1), 3);
  step();
  run_ms(100);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_NE(errors_[0].message.find("128.0 MiB"), std::string::npos) << errors_[0].message;
  snapshot_.dims.ndisplay = 2;
  apply();
  step();
  load_all();
  run_ms(200);
  EXPECT_TRUE(plan().still);
  EXPECT_FALSE(plan().layers[0].patches.empty());
}

}  // namespace
}  // namespace napari::runtime
