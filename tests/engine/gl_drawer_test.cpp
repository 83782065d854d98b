// The GL back end against docs/drawing.md, drawn in double precision by gl_fixture.cpp, and against the SIMD drawer. "max 1, within
// one 100 %": the largest difference in code values, and the share of pixels that differ by no more than 1. Runs on any EGL
// device, Mesa's llvmpipe included.
#include "engine/gl/gl_drawer.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/gl_fixture.hpp"
#include "engine/simd/simd_drawer.hpp"
#include "fakes/patience.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using data::Interpolation;
using testing::HasSubstr;

constexpr double kWithinOneMin = 0.999;

class GlDrawerTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    simd_ = make_simd_drawer(1);
    auto made = make_gl_drawer(0);
    if (made) {
      drawer_ = *std::move(made);
    } else {
      reason_ = made.error().message;
    }
  }
  static void TearDownTestSuite() {
    drawer_.reset();
    simd_.reset();
  }
  void SetUp() override {
    if (drawer_ == nullptr) GTEST_SKIP() << "no EGL device to draw with: " << reason_;
    drawer_->set_skipping(true);
  }

 protected:
  static Pixels draw_or_fail(const data::RenderPlan& plan) {
    auto pixels = draw(*drawer_, plan);
    EXPECT_TRUE(pixels) << pixels.error().message;
    return pixels.value_or(Pixels{});
  }
  static void expect_as_by_definition(const data::RenderPlan& plan, const std::string& what) {
    report(compare(draw_or_fail(plan), draw_reference(plan)), what + ", definition");
  }
  static void expect_as_by_simd(const data::RenderPlan& plan, const std::string& what) {
    const auto simd = draw(*simd_, plan);
    ASSERT_TRUE(simd) << simd.error().message;
    report(compare(draw_or_fail(plan), *simd), what + ", SIMD");
  }
  static void expect_as_defined(const data::RenderPlan& plan, const std::string& what) {
    expect_as_by_definition(plan, what);
    expect_as_by_simd(plan, what);
  }
  static void report(const Difference& difference, const std::string& what) {
    fmt::print("  {}: max {}, within one {:.4f} %, mean {:.0f}\n", what, difference.max,
               100 * difference.within_one, difference.mean);
    EXPECT_GE(difference.within_one, kWithinOneMin) << what;
    EXPECT_GT(difference.mean, 5) << what << ": there is nothing to compare";
  }

  static std::unique_ptr<Drawer> drawer_;  // NOLINT: programs are compiled once
  static std::unique_ptr<Drawer> simd_;    // NOLINT
  static std::string reason_;              // NOLINT
};
std::unique_ptr<Drawer> GlDrawerTest::drawer_;  // NOLINT
std::unique_ptr<Drawer> GlDrawerTest::simd_;    // NOLINT
std::string GlDrawerTest::reason_;              // NOLINT

struct Case {
  DType dtype;
  Interpolation interpolation;
  bool perspective;
};
class GlDrawerCases : public GlDrawerTest, public testing::WithParamInterface<Case> {};

std::string name_of(const Case& c) {
  return fmt::format("{}_{}{}", data::to_string(c.dtype),
                     c.interpolation == Interpolation::linear ? "linear" : "nearest",
                     c.perspective ? "_perspective" : "");
}

std::vector<Case> cases(bool with_perspective) {
  std::vector<Case> all;
  for (const DType dtype : {DType::u8, DType::u16, DType::u32, DType::i8, DType::i16, DType::i32,
                            DType::f32, DType::f64}) {
    for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
      all.push_back({dtype, interpolation, false});
      if (with_perspective) all.push_back({dtype, interpolation, true});
    }
  }
  return all;
}

TEST_P(GlDrawerCases, VolumeIsAsDefined) {
  const Case& c = GetParam();
  expect_as_defined(volume_plan(c.dtype, c.interpolation, c.perspective), "volume " + name_of(c));
}

TEST_P(GlDrawerCases, SkippingChangesNoBit) {
  const Case& c = GetParam();
  const data::RenderPlan plan = volume_plan(c.dtype, c.interpolation, c.perspective);
  const Pixels skipped = draw_or_fail(plan);
  drawer_->set_skipping(false);
  EXPECT_EQ(skipped, draw_or_fail(plan));
}

TEST_P(GlDrawerCases, PlaneIsAsDefined) {
  const Case& c = GetParam();
  if (c.perspective) return;  // a plane has none: the volume's cases are reused
  expect_as_defined(plane_plan(c.dtype, c.interpolation), "plane " + name_of(c));
}

INSTANTIATE_TEST_SUITE_P(All, GlDrawerCases, testing::ValuesIn(cases(true)),
                         [](const auto& which) { return name_of(which.param); });

TEST_F(GlDrawerTest, GammaAndColourMaps) {
  for (const double gamma : {0.25, 0.7, 1.0, 2.2}) {
    for (const char* map : {"gray", "viridis", "magma", "red"}) {
      for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
        data::RenderPlan plan = plane_plan(DType::u16, interpolation);
        plan.layers[0].transfer.gamma = gamma;
        plan.layers[0].transfer.colormap = map;
        expect_as_defined(plan, fmt::format("{} gamma {}", map, gamma));
      }
    }
  }
}

TEST_F(GlDrawerTest, ContrastLimitsThatMeetOrCross) {
  for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
    data::RenderPlan plan = plane_plan(DType::u8, interpolation);
    plan.layers[0].transfer.contrast_low = plan.layers[0].transfer.contrast_high = 100;
    expect_as_by_definition(plan, "limits that meet");
    plan.layers[0].transfer.contrast_low = 130;
    plan.layers[0].transfer.contrast_high = 40;
    expect_as_by_definition(plan, "limits that cross");
  }
}

TEST_F(GlDrawerTest, LaterPatchesCoverEarlierOnesOnceUnderOpacity) {
  data::RenderPlan plan = plane_plan(DType::u16, Interpolation::linear);
  data::PlanLayer& layer = plan.layers[0];
  layer.transfer.opacity = 0.6;
  data::PlanePatch fine = layer.patches[0];
  fine.block = make_block(DType::u16, {1, 40, 40}, [](auto, auto y, auto x) {
    return static_cast<double>((x * 7 + y * 13) % 256 * 256);
  });
  for (int i = 0; i < 3; ++i) {
    fine.origin = {25.0 + 8 * i, 5.0 + 10 * i};
    fine.spacing = {0.5, 0.5};
    fine.x0 = fine.y0 = 2;
    fine.x1 = fine.y1 = 38;
    layer.patches.push_back(fine);
  }
  expect_as_defined(plan, "four patches at opacity 0.6");
}

TEST_F(GlDrawerTest, LayersBlendBackToFront) {
  data::RenderPlan plane = plane_plan(DType::u8, Interpolation::linear);
  plane.layers.push_back(plane_plan(DType::f32, Interpolation::nearest).layers[0]);
  plane.layers[1].patches[0].origin = {30, 10};
  plane.layers[1].transfer.opacity = 0.4;
  plane.layers[1].transfer.colormap = "magma";
  expect_as_defined(plane, "two layers of planes");
  data::RenderPlan volume = volume_plan(DType::u16, Interpolation::linear, true);
  volume.layers.push_back(volume_plan(DType::i16, Interpolation::nearest, true).layers[0]);
  volume.layers[1].volume->origin = {10, 5, 15};
  volume.layers[1].transfer.opacity = 0.5;
  volume.layers[1].transfer.colormap = "green";
  expect_as_defined(volume, "two layers of volumes");
}

TEST_F(GlDrawerTest, SmallerDrawnSizeCoversTheSameCanvas) {
  for (const double scale : {0.25, 0.43, 0.5}) {
    data::RenderPlan plane = plane_plan(DType::u16, Interpolation::linear);
    plane.draw_scale = scale;
    expect_as_defined(plane, fmt::format("plane at scale {}", scale));
    for (const bool perspective : {false, true}) {
      data::RenderPlan volume = volume_plan(DType::u16, Interpolation::linear, perspective);
      volume.draw_scale = scale;
      expect_as_defined(volume, fmt::format("volume at scale {}", scale));
    }
  }
}

TEST_F(GlDrawerTest, ProjectionAlongAnAxisIsTheMaximum) {
  data::RenderPlan plan = volume_plan(DType::u16, Interpolation::nearest, false);
  data::VolumeBlock& volume = *plan.layers[0].volume;
  volume.origin = {0, 0, 0};
  volume.spacing = {1, 1, 1};
  plan.layers[0].transfer = {.contrast_low = 0, .contrast_high = 65535};
  plan.canvas = {64, 64};
  plan.volume.world_per_px = 1;
  // Pixel (i, j) hits index (j, i) of the two axes that remain.
  const data::Vec3 z{1, 0, 0};
  const data::Vec3 y{0, 1, 0};
  const data::Vec3 x{0, 0, 1};
  const std::array<std::array<data::Vec3, 3>, 3> views{{{x, y, z}, {x, z, y}, {y, z, x}}};
  const auto* voxels = reinterpret_cast<const std::uint16_t*>(volume.block->voxels.get());
  const auto& shape = volume.block->shape;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    plan.volume.right = views[axis][0];
    plan.volume.down = views[axis][1];
    plan.volume.forward = views[axis][2];
    plan.volume.center = {31.5, 31.5, 31.5};
    std::vector<int> expected(64 * 64, 0);
    for (std::int64_t i = 0; i < shape[0] * shape[1] * shape[2]; ++i) {
      const std::array<std::int64_t, 3> at{i / (shape[1] * shape[2]), i / shape[2] % shape[1],
                                           i % shape[2]};
      const std::int64_t row = at[axis == 0 ? 1 : 0];
      const std::int64_t column = at[axis == 2 ? 1 : 2];
      int& pixel = expected[static_cast<std::size_t>(row * 64 + column)];
      pixel = std::max(pixel, static_cast<int>(voxels[i]));
    }
    const Pixels drawn = draw_or_fail(plan);
    for (std::size_t p = 0; p < expected.size(); ++p) {
      const int code = static_cast<int>(std::floor(expected[p] / 65535.0 * 255 + 0.5));
      ASSERT_EQ(drawn[p * 4], code) << "axis " << axis << " pixel " << p;
    }
  }
}

TEST_F(GlDrawerTest, OneVoxelAndOnePixel) {
  data::RenderPlan volume = volume_plan(DType::u8, Interpolation::linear, false);
  volume.layers[0].volume->block = make_block(DType::u8, {1, 1, 1}, [](auto...) { return 200.0; });
  volume.layers[0].volume->bricks = data::make_brick_maxima(*volume.layers[0].volume->block);
  volume.layers[0].volume->origin = volume.volume.center;
  volume.volume.world_per_px = 0.02;
  expect_as_defined(volume, "one voxel");
  data::RenderPlan plane = plane_plan(DType::f64, Interpolation::linear);
  plane.layers[0].patches[0].block =
      make_block(DType::f64, {1, 1, 1}, [](auto...) { return 1e-3; });
  plane.layers[0].patches[0].x1 = plane.layers[0].patches[0].y1 = 1;
  plane.layers[0].patches[0].origin = plane.plane.center;
  plane.plane.world_per_px = 0.01;
  expect_as_defined(plane, "one pixel");
}

TEST_F(GlDrawerTest, PlaneFarFromTheOriginIsSharp) {
  data::RenderPlan plan = plane_plan(DType::u16, Interpolation::nearest);
  plan.layers[0].patches[0].origin[0] += 1.2e6;
  plan.plane.center[0] += 1.2e6;
  expect_as_defined(plan, "plane at 1.2 million");
}

TEST_F(GlDrawerTest, EyeInsideTheVolume) {
  for (const auto interpolation : {Interpolation::nearest, Interpolation::linear}) {
    data::RenderPlan plan = volume_plan(DType::u8, interpolation, true);
    plan.volume.distance = 6;
    plan.volume.world_per_px = 0.05;
    expect_as_defined(plan, "eye inside");
  }
}

TEST_F(GlDrawerTest, NanNeverCounts) {
  data::RenderPlan plan = volume_plan(DType::f32, Interpolation::linear, false);
  auto& volume = *plan.layers[0].volume;
  volume.block = make_block(DType::f32, {20, 20, 20}, [](auto z, auto y, auto x) {
    return noise(z, y, x) < 0.3 ? std::numeric_limits<double>::quiet_NaN() : noise(x, z, y);
  });
  volume.bricks = data::make_brick_maxima(*volume.block);
  plan.layers[0].transfer.contrast_low = 0;
  plan.layers[0].transfer.contrast_high = 1;
  plan.volume.world_per_px = 0.2;
  plan.volume.center = {17, 6, 13};
  expect_as_defined(plan, "volume with NaN");
  const Pixels skipped = draw_or_fail(plan);
  drawer_->set_skipping(false);
  EXPECT_EQ(skipped, draw_or_fail(plan));
}

TEST_F(GlDrawerTest, NothingToDrawIsBlack) {
  data::RenderPlan plan;
  plan.canvas = {32, 16};
  for (const int ndisplay : {2, 3}) {
    plan.ndisplay = ndisplay;
    const Pixels pixels = draw_or_fail(plan);
    for (std::size_t p = 0; p < pixels.size(); ++p) ASSERT_EQ(pixels[p], p % 4 == 3 ? 255 : 0);
  }
}

TEST_F(GlDrawerTest, StrideIsKept) {
  const data::RenderPlan plan = plane_plan(DType::u8, Interpolation::nearest);
  const Pixels tight = draw_or_fail(plan);
  constexpr std::size_t kStride = 200 * 4 + 48;
  Pixels wide(kStride * 150, 0x77);
  const auto drawn = drawer_->draw(
      plan, CpuTarget{.rgba = wide, .stride_bytes = kStride, .size = plan.canvas}, {});
  ASSERT_TRUE(drawn) << drawn.error().message;
  for (std::size_t row = 0; row < 150; ++row) {
    ASSERT_TRUE(std::equal(&tight[row * 800], &tight[row * 800] + 800, &wide[row * kStride]));
    ASSERT_EQ(wide[row * kStride + 800], 0x77) << "wrote beside the row";
  }
}

TEST_F(GlDrawerTest, StopIsHonouredSoon) {
  data::RenderPlan plan = volume_plan(DType::u16, Interpolation::linear, true);
  plan.canvas = {1920, 1080};
  plan.volume.world_per_px = 0.04;
  std::stop_source before;
  before.request_stop();
  EXPECT_EQ(draw(*drawer_, plan, before.get_token()).error().code, gstx::ErrorCode::unavailable);
  std::stop_source during;
  std::chrono::steady_clock::time_point asked;
  std::atomic<bool> started{false};
  std::jthread stopper([&] {
    while (!started) std::this_thread::yield();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    asked = std::chrono::steady_clock::now();
    during.request_stop();
  });
  started = true;
  const auto result = draw(*drawer_, plan, during.get_token());
  const auto end = std::chrono::steady_clock::now();
  stopper.join();
  if (result) GTEST_SKIP() << "gpu: this device draws the picture in less than 30 ms";
  const auto late_ms = std::chrono::duration<double, std::milli>(end - asked).count();
  fmt::print("  gave up {:.1f} ms after the stop\n", late_ms);
  EXPECT_EQ(result.error().code, gstx::ErrorCode::unavailable);
  EXPECT_LT(late_ms, 200 * fakes::patience())
      << "the bound is 16 ms; this allows for a busy machine";
  expect_as_defined(volume_plan(DType::u16, Interpolation::linear, true), "after a stop");
}

TEST_F(GlDrawerTest, RefusesWhatCannotBeDrawn) {
  const auto refusal = [&](const std::function<void(data::RenderPlan&)>& spoil, int ndisplay) {
    data::RenderPlan plan = ndisplay == 3 ? volume_plan(DType::u8, Interpolation::linear, true)
                                          : plane_plan(DType::u8, Interpolation::linear);
    spoil(plan);
    const auto drawn = draw(*drawer_, plan);
    return drawn ? std::string("was drawn") : drawn.error().message;
  };
  EXPECT_THAT(refusal([](auto& p) { p.layers[0].transfer.colormap = "mauve?"; }, 2),
              HasSubstr("mauve?"));
  EXPECT_THAT(refusal([](auto& p) { p.layers[0].transfer.gamma = 0; }, 2), HasSubstr("gamma 0"));
  EXPECT_THAT(refusal([](auto& p) { p.layers[0].patches[0].x1 = 900; }, 2), HasSubstr("0..900"));
  EXPECT_THAT(refusal([](auto& p) { p.layers[0].patches[0].block = nullptr; }, 2),
              HasSubstr("no block"));
  EXPECT_THAT(refusal([](auto& p) { p.plane.world_per_px = std::nan(""); }, 2), HasSubstr("nan"));
  EXPECT_THAT(refusal([](auto& p) { p.volume.distance = 0; }, 3), HasSubstr("the eye is 0"));
  EXPECT_THAT(refusal([](auto& p) { p.layers[0].volume->spacing[1] = 0; }, 3),
              HasSubstr("spacing"));
  const auto make_long = [](auto& p) {
    auto& patch = p.layers[0].patches[0];
    patch.block = make_block(DType::u8, {1, 1, 100000}, [](auto...) { return 1.0; });
    patch.y1 = 1;
    patch.origin = p.plane.center;
  };
  EXPECT_THAT(refusal(make_long, 2), HasSubstr("largest texture"));
  Pixels small(16);
  const auto drawn =
      drawer_->draw(plane_plan(DType::u8, Interpolation::linear),
                    CpuTarget{.rgba = small, .stride_bytes = 800, .size = {200, 150}}, {});
  ASSERT_FALSE(drawn);
  EXPECT_THAT(drawn.error().message, HasSubstr("16 bytes"));
}

TEST_F(GlDrawerTest, ThreadsTakeTurns) {
  const data::RenderPlan plane = plane_plan(DType::u16, Interpolation::linear);
  const data::RenderPlan volume = volume_plan(DType::u16, Interpolation::linear, false);
  const Pixels expected_plane = draw_or_fail(plane);
  const Pixels expected_volume = draw_or_fail(volume);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) {
          const bool is_plane = (i + t) % 2 == 0;
          const auto drawn = draw(*drawer_, is_plane ? plane : volume);
          if (!drawn || *drawn != (is_plane ? expected_plane : expected_volume)) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace napari::engine::gl_test
