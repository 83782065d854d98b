// Volumes of the GL back end where it saves work: bricks of bricks that are skipped, values beyond the contrast limits, and, while
// a view moves, interpolation by the texture unit within the tolerance that docs/drawing.md states.
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/gl/colour_table.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl_fixture.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using data::Interpolation;

class GlVolumeTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    auto exact = make_gl_drawer(0);
    auto filtering = make_gl_drawer(0, {.filter_in_software = true});
    if (!exact || !filtering) {
      reason_ = (exact ? filtering : exact).error().message;
      return;
    }
    exact_ = *std::move(exact);
    filtering_ = *std::move(filtering);
  }
  static void TearDownTestSuite() {
    exact_.reset();
    filtering_.reset();
  }
  void SetUp() override {
    if (exact_ == nullptr) GTEST_SKIP() << "no EGL device to draw with: " << reason_;
    exact_->set_skipping(true);
  }

 protected:
  static Pixels draw_or_fail(Drawer& drawer, const data::RenderPlan& plan) {
    auto pixels = draw(drawer, plan);
    EXPECT_TRUE(pixels) << pixels.error().message;
    return pixels.value_or(Pixels{});
  }
  static Difference moving_against_still(data::RenderPlan plan) {
    plan.still = true;
    const Pixels still = draw_or_fail(*filtering_, plan);
    EXPECT_EQ(still, draw_or_fail(*exact_, plan)) << "a still picture may not be filtered";
    plan.still = false;
    const Difference difference = compare(draw_or_fail(*filtering_, plan), still);
    EXPECT_GT(difference.mean, 5) << "there is nothing to compare";
    return difference;
  }

  static std::unique_ptr<Drawer> exact_;      // NOLINT: programs are compiled once
  static std::unique_ptr<Drawer> filtering_;  // NOLINT
  static std::string reason_;                 // NOLINT
};
std::unique_ptr<Drawer> GlVolumeTest::exact_;      // NOLINT
std::unique_ptr<Drawer> GlVolumeTest::filtering_;  // NOLINT
std::string GlVolumeTest::reason_;                 // NOLINT

// Larger than a brick of bricks on every axis, and empty but for two balls and a dim, noisy floor under the contrast limits.
data::RenderPlan sparse_plan(Interpolation interpolation, bool perspective) {
  data::RenderPlan plan = volume_plan(DType::u16, interpolation, perspective);
  data::VolumeBlock& volume = *plan.layers[0].volume;
  volume.block = make_block(DType::u16, {150, 131, 201}, [](auto z, auto y, auto x) {
    const auto ball = [&](double cz, double cy, double cx, double radius) {
      const double r = std::hypot(static_cast<double>(z) - cz, static_cast<double>(y) - cy,
                                  static_cast<double>(x) - cx);
      return r < radius ? 20000 + 30000 * noise(z, y, x) : 0;
    };
    return ball(40, 30, 50, 14) + ball(120, 100, 150, 20) + 900 * noise(x, y, z);
  });
  volume.bricks = data::make_brick_maxima(*volume.block);
  volume.origin = {0, 0, 0};
  volume.spacing = {1, 1, 1};
  plan.layers[0].transfer = {.contrast_low = 1000, .contrast_high = 48000};
  plan.volume.center = {75, 65, 100};
  plan.volume.world_per_px = 1.5;
  plan.volume.distance = perspective ? 300 : 0;
  plan.still = true;
  return plan;
}

TEST_F(GlVolumeTest, EmptySpaceIsSkippedWithoutAChange) {
  const auto simd = make_simd_drawer(1);
  const std::array<std::array<data::Vec3, 3>, 3> axes{{{{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}},
                                                       {{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}},
                                                       {{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}}}};
  for (const bool perspective : {false, true}) {
    for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
      data::RenderPlan plan = sparse_plan(interpolation, perspective);
      for (int view = 0; view <= 3; ++view) {  // oblique, then along each axis
        if (view > 0) {
          const auto& axis = axes[static_cast<std::size_t>(view - 1)];
          plan.volume.right = axis[0];
          plan.volume.down = axis[1];
          plan.volume.forward = axis[2];
        }
        const std::string what = fmt::format("view {}, perspective {}", view, perspective);
        exact_->set_skipping(true);
        const Pixels skipped = draw_or_fail(*exact_, plan);
        exact_->set_skipping(false);
        EXPECT_EQ(skipped, draw_or_fail(*exact_, plan)) << what;
        const Difference difference = compare(skipped, draw_or_fail(*simd, plan));
        EXPECT_GE(difference.within_one, 0.999) << what;
        EXPECT_GT(difference.mean, 1) << what << ": there is nothing to see";
      }
    }
  }
}

TEST_F(GlVolumeTest, ValuesBeyondTheLimitsNeedNotBeToldApart) {
  data::Transfer narrow{.contrast_low = 30000, .contrast_high = 30600};
  data::Transfer meeting{.contrast_low = 30000.5, .contrast_high = 30000.5};
  data::Transfer crossing{.contrast_low = 45000, .contrast_high = 20000};
  data::Transfer under{.contrast_low = -500, .contrast_high = 20};
  for (data::Transfer transfer : {narrow, meeting, crossing, under}) {
    for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
      data::RenderPlan plan = volume_plan(DType::u16, interpolation, false);
      transfer.gamma = 0.7;
      transfer.colormap = "viridis";
      plan.layers[0].transfer = transfer;
      plan.still = true;
      const Difference difference = compare(draw_or_fail(*exact_, plan), draw_reference(plan));
      EXPECT_GE(difference.within_one, 0.998)
          << "limits " << transfer.contrast_low << ", " << transfer.contrast_high;
      EXPECT_GT(difference.mean, 5);
    }
  }
}

TEST(ColourRange, EnclosesTheLimits) {
  for (const double low : {-3e9, -0.1, 0.0, 0.1, 1e-12, 16777217.0}) {
    for (const double span : {1e-9, 0.3, 65535.0, 1e12}) {
      const ColourRange range = colour_range({.contrast_low = low, .contrast_high = low + span});
      EXPECT_LE(static_cast<double>(range.dark), low);
      EXPECT_GT(static_cast<double>(range.enough), low + span);
      EXPECT_LE(static_cast<double>(range.enough),
                low + 1.0001 * span + 1e-6 * (std::abs(low) + std::abs(span)));
    }
  }
  const ColourRange crossed = colour_range({.contrast_low = 5, .contrast_high = 2});
  EXPECT_EQ(crossed.dark, 5);
  EXPECT_EQ(crossed.enough, std::nextafter(5.0F, 6.0F));
}

TEST_F(GlVolumeTest, MovingIsWithinTheToleranceOfStill) {
  for (const DType dtype : {DType::u8, DType::u16, DType::i8, DType::i16, DType::f32, DType::f64}) {
    for (const bool perspective : {false, true}) {
      data::RenderPlan plan = volume_plan(dtype, Interpolation::linear, perspective);
      const ValueRange range = value_range(dtype);
      // Noise from voxel to voxel over the whole range is the worst that there is: 3/256 of it, and a code of rounding.
      plan.layers[0].volume->block = make_block(dtype, {37, 45, 53}, [&](auto z, auto y, auto x) {
        return range.low + (range.high - range.low) * std::pow(noise(z, y, x), 8.0);
      });
      plan.layers[0].volume->bricks = data::make_brick_maxima(*plan.layers[0].volume->block);
      plan.layers[0].transfer = {.contrast_low = range.low, .contrast_high = range.high};
      const Difference noisy = moving_against_still(plan);
      const Difference smooth =
          moving_against_still(volume_plan(dtype, Interpolation::linear, perspective));
      fmt::print("  {}: noise max {}, within one {:.3f} %, ball max {}, within one {:.3f} %\n",
                 data::to_string(dtype), noisy.max, 100 * noisy.within_one, smooth.max,
                 100 * smooth.within_one);
      EXPECT_LE(noisy.max, 4);
      EXPECT_LE(smooth.max, 2);
    }
  }
}

TEST_F(GlVolumeTest, MovingIsExactWhereNothingFilters) {
  data::RenderPlan wide = volume_plan(DType::u32, Interpolation::linear, true);
  data::RenderPlan nearest = volume_plan(DType::u16, Interpolation::nearest, false);
  for (data::RenderPlan* plan : {&wide, &nearest}) {
    EXPECT_EQ(moving_against_still(*plan).max, 0);
  }
  const auto context = GlContext::open(0);
  ASSERT_TRUE(context);
  if (!(*context)->info().software) return;
  data::RenderPlan plan = volume_plan(DType::u16, Interpolation::linear, false);
  plan.still = true;
  const Pixels still = draw_or_fail(*exact_, plan);
  plan.still = false;
  EXPECT_EQ(still, draw_or_fail(*exact_, plan)) << "software draws exactly unless asked";
}

TEST_F(GlVolumeTest, SkippingWhileMovingStaysWithinTheTolerance) {
  data::RenderPlan plan = sparse_plan(Interpolation::linear, true);
  EXPECT_LE(moving_against_still(plan).max, 4);
}

}  // namespace
}  // namespace napari::engine::gl_test
