// Level choice and the cost model.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtime/draw_governor.hpp"
#include "runtime/frame_clock.hpp"
#include "runtime/lod_policy.hpp"

namespace napari::runtime {
namespace {

std::vector<double> pyramid(double finest, int levels) {
  std::vector<double> samples;
  for (int i = 0; i < levels; ++i) samples.push_back(finest / std::exp2(i));
  return samples;
}

double any_magnification() { return std::exp2(*rc::gen::inRange(-500, 900) / 100.0); }

RC_GTEST_PROP(LodPolicy, TheChosenLevelIsFineEnoughAndNotWasteful, ()) {
  const auto samples = pyramid(any_magnification(), *rc::gen::inRange(1, 9));
  LodState state{*rc::gen::inRange(-1, static_cast<int>(samples.size())), 0};
  const LodState chosen = choose_level(state, samples, 10'000 * kMsNs);
  const int coarsest = static_cast<int>(samples.size()) - 1;
  RC_ASSERT(chosen.level >= 0 && chosen.level <= coarsest);
  const auto at = [&](int level) { return samples[static_cast<std::size_t>(level)]; };
  if (chosen.level < coarsest) RC_ASSERT(at(chosen.level) <= 1.35);
  if (chosen.level > 0) RC_ASSERT(at(chosen.level - 1) > 1.05);
}

RC_GTEST_PROP(LodPolicy, AChosenLevelStays, ()) {
  const auto samples = pyramid(any_magnification(), *rc::gen::inRange(1, 9));
  const LodState first = choose_level({*rc::gen::inRange(-1, 3), 0}, samples, 10'000 * kMsNs);
  RC_ASSERT(choose_level(first, samples, 20'000 * kMsNs) == first);
}

TEST(LodPolicy, TwoThresholdsKeepAViewOnABoundaryFromFlipping) {
  LodState state = choose_level({}, pyramid(1.0, 4), 0);
  ASSERT_EQ(state.level, 0);
  int changes = 0;
  for (int i = 0; i < 100;
       ++i) {  // trembling around the point where level 0 would be worse than 1:1
    const auto next = choose_level(state, pyramid(i % 2 == 0 ? 1.2 : 1.06, 4), i * 1000 * kMsNs);
    changes += next.level != state.level ? 1 : 0;
    state = next;
  }
  EXPECT_EQ(changes, 0);
  state = choose_level(state, pyramid(1.4, 4), 1'000'000 * kMsNs);
  EXPECT_EQ(state.level, 1);
  state = choose_level(state, pyramid(1.2, 4), 2'000'000 * kMsNs);
  EXPECT_EQ(state.level, 1) << "given up above 1.35, taken again only at 1.05";
  EXPECT_EQ(choose_level(state, pyramid(1.04, 4), 3'000'000 * kMsNs).level, 0);
}

TEST(LodPolicy, CooldownPutsOffSmallChangesOnly) {
  const LodState state{1, 0};
  EXPECT_EQ(choose_level(state, pyramid(1.0, 4), 100 * kMsNs).level, 1);
  EXPECT_EQ(choose_level(state, pyramid(1.0, 4), 151 * kMsNs).level, 0);
  EXPECT_EQ(choose_level(state, pyramid(8.0, 4), 1 * kMsNs).level, 3);
}

TEST(DrawGovernor, FallsToTheScaleThatHoldsTheRateAndComesBackSlowly) {
  DrawGovernor governor({1920, 1080}, 60);
  const DrawLoad load{3, 200};
  EXPECT_EQ(governor.moving_scale(3), 1);
  governor.on_drawn(load, 1, 40, true);  // allowed is about 13 ms
  const double scale = governor.moving_scale(3);
  EXPECT_EQ(scale, 0.5);
  int pictures = 0;
  while (governor.moving_scale(3) == scale && pictures < 100) {
    governor.on_drawn(load, scale, 0.5, true);
    ++pictures;
  }
  EXPECT_GE(pictures, 5) << "one cheap picture is no reason to breathe";
  EXPECT_LT(pictures, 100);
  EXPECT_EQ(governor.moving_scale(3), 0.75);
  EXPECT_EQ(governor.moving_scale(2), 1) << "2-D is measured apart";
}

// Draws `count` pictures that cost `fixed_ms` and what grows with the pixels; returns how often the scale changed.
int draw_moving(DrawGovernor& governor, double fixed_ms, double full_ms, int count) {
  int changes = 0;
  for (int i = 0; i < count; ++i) {
    const double scale = governor.moving_scale(2);
    governor.on_drawn({2, 1}, scale, fixed_ms + full_ms * scale * scale, true);
    changes += governor.moving_scale(2) != scale ? 1 : 0;
  }
  return changes;
}

RC_GTEST_PROP(DrawGovernor, ASteadyCostGivesASteadyScaleThatHoldsTheRate, ()) {
  DrawGovernor governor({1280, 720}, *rc::gen::inRange(1, 240));
  const double fixed_ms = *rc::gen::inRange(0, 20) / 10.0;
  const double full_ms = *rc::gen::inRange(1, 2000) / 10.0;
  draw_moving(governor, fixed_ms, full_ms, 2000);
  int changes = 0;
  int late = 0;
  for (int i = 0; i < 900; ++i) {
    const double scale = governor.moving_scale(2);
    const bool holds = fixed_ms + full_ms * scale * scale <= governor.allowed_ms();
    late += !holds && scale > kDrawScales.back() ? 1 : 0;
    changes += draw_moving(governor, fixed_ms, full_ms, 1);
  }
  RC_ASSERT(changes <= 4);  // tries that fail, and the way back
  RC_ASSERT(late <= 8);
}

TEST(DrawGovernor, FindsTheFinestScaleAlthoughSmallPicturesHaveFixedCosts) {
  DrawGovernor governor({1920, 1080}, 60);
  draw_moving(governor, 0, 200, 20);
  ASSERT_EQ(governor.moving_scale(2), 0.25);
  draw_moving(governor, 6, 10, 200);  // per pixel the small picture looks 10 times as dear as it is
  EXPECT_EQ(governor.moving_scale(2), 0.75);
}

TEST(DrawGovernor, SmallPicturesDoNotSpoilWhatStillOnesTaught) {
  DrawGovernor governor({1920, 1080}, 60);
  governor.on_drawn({3, 200}, 1, 150, false);
  EXPECT_TRUE(governor.affords_still(200, false, kStillBudgetMs));
  for (int i = 0; i < 50; ++i) governor.on_drawn({3, 50}, 0.25, 9, true);
  EXPECT_TRUE(governor.affords_still(200, false, kStillBudgetMs));
  EXPECT_FALSE(governor.affords_still(2000, false, kStillBudgetMs));
  EXPECT_FALSE(governor.affords_moving(200, false));
}

TEST(DrawGovernor, EncodingTakesItsShareOfTheCores) {
  DrawGovernor governor({1920, 1080}, 60);
  const double alone = governor.allowed_ms();
  for (int i = 0; i < 20; ++i) governor.on_encoded(12);
  EXPECT_LT(governor.allowed_ms(), alone);
  EXPECT_GT(governor.allowed_ms(), 0);
}

}  // namespace
}  // namespace napari::runtime
