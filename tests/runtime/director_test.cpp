// What the Director decides about planes, poses, thumbnails and data sets.
#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "runtime/director_fixture.hpp"
#include "runtime/plan_builder.hpp"

namespace napari::runtime {
namespace {

std::shared_ptr<BlockingSource> pyramid() {
  return std::make_shared<BlockingSource>(std::vector<std::int64_t>{16, 2048, 2048}, 128, 4);
}

TEST_F(DirectorTest, WithoutAnImageThePictureIsBlackAndStill) {
  apply();
  step();
  run_ms(100);
  EXPECT_TRUE(plan().layers.empty());
  EXPECT_TRUE(plan().still);
  EXPECT_EQ(plan().scene_version, 1U);
  EXPECT_EQ(next_ns_, kNeverNs) << "nothing is due while nothing changes";
}

TEST_F(DirectorTest, DrawsCoarseFirstThenFineThenStillThenNothing) {
  show(pyramid());
  step();
  ASSERT_EQ(plans_.size(), 1U);
  EXPECT_TRUE(plan().layers[0].patches.empty());
  EXPECT_LT(plan().scene_version, version_) << "a picture without the data set does not show it";
  EXPECT_EQ(wanted_[0].priority, 0);
  EXPECT_EQ(wanted_[0].key.chunk.level, 3);
  EXPECT_TRUE(wanted_levels().contains(2)) << "2048 rows on 480: level 2 is the finest that fits";

  EXPECT_GT(load(3), 0);
  run_ms(10);
  EXPECT_EQ(plan().scene_version, version_);
  EXPECT_FALSE(plan().layers[0].patches.empty());
  EXPECT_FALSE(plan().still);
  EXPECT_EQ(levels_.back(), 3);

  load(2);
  run_ms(10);
  EXPECT_EQ(levels_.back(), 2);
  run_ms(100);
  EXPECT_TRUE(plan().still);
  EXPECT_EQ(plan().draw_scale, 1);
  load_all();
  run_ms(2000);
  const std::size_t settled = plans_.size();
  EXPECT_EQ(next_ns_, kNeverNs);
  run_ms(1000);
  EXPECT_EQ(plans_.size(), settled);
  EXPECT_TRUE(wanted_.empty());
}

TEST_F(DirectorTest, CameraMovesMakePlansWhileNothingCanBeRead) {
  show(pyramid());
  step();
  load(3);
  run_ms(100);
  for (int i = 0; i < 60; ++i) {
    const std::size_t before = plans_.size();
    pan(3);
    step();
    run_ms(17);
    ASSERT_GT(plans_.size(), before);
    EXPECT_EQ(plan().scene_version, version_);
    EXPECT_FALSE(plan().still);
    EXPECT_FALSE(plan().layers[0].patches.empty());
  }
  run_ms(100);
  EXPECT_FALSE(plan().still) << "level 2 is still missing";
  EXPECT_EQ(pose_versions_.back(), version_);
}

TEST_F(DirectorTest, ANewIndexKeepsTheOldPictureAndItsVersionUntilSomethingIsThere) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{40, 2048, 2048}, 1, 3));
  for (auto& level : source_->edit().levels) level.chunk = {1, level.shape[1], level.shape[2]};
  step();
  load_all();
  run_ms(100);
  const std::uint64_t before = plan().scene_version;
  const auto block = plan().layers[0].patches.back().block;
  snapshot_.dims.current_step[0] = 30;
  apply();
  step();
  run_ms(100);
  EXPECT_EQ(plan().scene_version, before);
  EXPECT_EQ(plan().layers[0].patches.back().block, block);
  EXPECT_FALSE(plan().still);
  load(2);
  run_ms(10);
  EXPECT_EQ(plan().scene_version, version_);
  EXPECT_NE(plan().layers[0].patches.back().block, block);
}

TEST_F(DirectorTest, ARegionThatCannotBeReadStaysCoarseAndIsReportedOnce) {
  show(pyramid());
  step();
  load(3);
  run_ms(20);
  fail_wanted(2, gstx::ErrorCode::internal);
  run_ms(200);
  EXPECT_TRUE(plan().still) << "it is not waited for";
  EXPECT_EQ(levels_.back(), 3);
  const std::size_t reported = errors_.size();
  EXPECT_GT(reported, 0U);
  run_ms(20'000);
  EXPECT_FALSE(wanted_levels().contains(2));
  EXPECT_EQ(errors_.size(), reported);
}

TEST_F(DirectorTest, WhatIsUnavailableIsTriedAgainLater) {
  show(pyramid());
  step();
  load(3);
  run_ms(20);
  fail_wanted(2, gstx::ErrorCode::unavailable);
  run_ms(100);
  EXPECT_FALSE(wanted_levels().contains(2));
  run_ms(3000);
  EXPECT_TRUE(wanted_levels().contains(2));
}

TEST_F(DirectorTest, DrawsSmallerWhileMovingAndWholeWhenStill) {
  show(pyramid());
  step();
  load_all();
  for (int i = 0; i < 20; ++i) {
    pan(1);
    step();
    draw(30);  // at any scale: 60 a second is out of reach
    run_ms(2);
  }
  pan(1);
  step();
  run_ms(10);
  EXPECT_EQ(plan().draw_scale, kDrawScales.back());
  run_ms(100);
  EXPECT_EQ(plan().draw_scale, 1);
  EXPECT_TRUE(plan().still);
}

TEST_F(DirectorTest, CommandsApplyInTheModeOfTheirVersion) {
  show(pyramid());
  step();
  load_all();
  run_ms(100);
  const auto before = pose_;
  scene::CameraCommand in_plane{
      .kind = scene::CameraCommandKind::zoom, .scene_version = 10, .factor = 0.5};
  scene::CameraCommand in_volume{.kind = scene::CameraCommandKind::orbit, .scene_version = 12};
  in_volume.delta_deg = {45, 0};
  snapshot_.scene_version = 11;
  snapshot_.dims.ndisplay = 3;
  director_.take_inputs(std::make_shared<scene::RenderSnapshot>(snapshot_), {in_plane, in_volume},
                        clock_.now_ns());
  step();
  run_ms(40);
  EXPECT_DOUBLE_EQ(pose_.plane.zoom, before.plane.zoom * 2);
  EXPECT_DOUBLE_EQ(pose_.volume.angles[0], before.volume.angles[0] + 45);
  EXPECT_EQ(pose_versions_.back(), 12U);
}

TEST_F(DirectorTest, ASnapshotThatDrawsAlikeMakesNoPlan) {
  show(pyramid());
  step();
  load_all();
  run_ms(500);
  const std::size_t before = plans_.size();
  snapshot_.layers[0].thumbnail.assign(4096, 1);
  apply();
  step();
  run_ms(200);
  EXPECT_EQ(plans_.size(), before);
  snapshot_.layers[0].controls.contrast_limits = {3, 9};
  apply();
  step();
  run_ms(200);
  EXPECT_EQ(plan().layers[0].transfer.contrast_high, 9);
  EXPECT_EQ(plan().scene_version, version_);
}

TEST_F(DirectorTest, ThumbnailsFollowTheLayerAndAreRateLimited) {
  show(pyramid());
  step();
  load_all();
  run_ms(600);
  ASSERT_EQ(thumbnails_.size(), 1U);
  EXPECT_EQ(thumbnails_[0]->canvas, kThumbnailSize);
  EXPECT_FALSE(thumbnails_[0]->layers[0].patches.empty());
  for (int i = 0; i < 100; ++i) {
    snapshot_.layers[0].controls.gamma = 1 + i / 100.0;
    apply();
    step();
    run_ms(10);
  }
  run_ms(500);
  EXPECT_LE(thumbnails_.size(), 7U);
  EXPECT_GE(thumbnails_.size(), 4U);
  EXPECT_EQ(thumbnails_.back()->layers[0].transfer.gamma, 1.99) << "the last one is not lost";
  const std::size_t made = thumbnails_.size();
  for (int i = 0; i < 10; ++i) {
    pan(2);
    step();
    run_ms(300);
  }
  EXPECT_EQ(thumbnails_.size(), made) << "the camera does not change a thumbnail";
}

TEST_F(DirectorTest, AnotherDataSetStartsFromItsOwnPose) {
  show(pyramid());
  step();
  load_all();
  pan(500);
  step();
  run_ms(100);
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{10, 100, 100}, 64, 1));
  step();
  run_ms(20);
  EXPECT_EQ(pose_.plane.center, (data::Vec2{49.5, 49.5}));
  for (const auto& request : wanted_) EXPECT_EQ(request.key.chunk.dataset, snapshot_.dataset_id);
  load_all();
  run_ms(200);
  EXPECT_TRUE(plan().still);
}

TEST_F(DirectorTest, APinnedLevelIsDrawnWhateverTheMagnification) {
  show(pyramid());
  snapshot_.level_pinned = true;
  snapshot_.dims.current_level = 1;
  apply();
  step();
  load_all();
  run_ms(200);
  EXPECT_EQ(levels_.back(), 1);
  EXPECT_EQ(plan().layers[0].patches.back().spacing[0], 2);
}

TEST_F(DirectorTest, AnImageThatCannotBeCutIsAnError) {
  show(pyramid());
  snapshot_.dims.order = {0, 0, 1};
  apply();
  step();
  run_ms(100);
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_NE(errors_[0].message.find("no permutation"), std::string::npos);
}

TEST_F(DirectorTest, MemoryStaysWithinTheBudgetWhileScrubbing) {
  show(std::make_shared<BlockingSource>(std::vector<std::int64_t>{200, 1000, 1000}, 128, 1));
  for (std::int64_t z = 0; z < 200; z += 10) {
    snapshot_.dims.current_step[0] = z;
    apply();
    step();
    load_all();
    step();
    EXPECT_LE(director_.report().cache_bytes, std::uint64_t{64} << 20);
  }
  run_ms(200);
  EXPECT_TRUE(plan().still);
}

}  // namespace
}  // namespace napari::runtime
