// The pure parts of the GL back end: who is on top, what columns sample, and colour tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/gl/colour_table.hpp"
#include "engine/gl/slice_layout.hpp"
#include "engine/gl_fixture.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using data::Interpolation;

TEST(VisibleParts, EveryPixelBelongsToTheLastThatPaintsIt) {
  constexpr int kEdge = 40;
  for (int seed = 0; seed < 50; ++seed) {
    std::vector<PixelRect> painted;
    for (int i = 0; i < 12; ++i) {
      const auto pick = [&](int salt, int below) {
        return static_cast<int>(noise(seed, i, salt) * below);
      };
      const int x = pick(0, kEdge);
      const int y = pick(1, kEdge);
      painted.push_back({x, y, pick(2, kEdge - x + 1), pick(3, kEdge - y + 1)});
    }
    std::vector<int> expected(kEdge * kEdge, -1);
    const auto fill = [&](std::vector<int>& image, const PixelRect& r, int value) {
      for (int y = r.y; y < r.y + r.height; ++y) {
        for (int x = r.x; x < r.x + r.width; ++x) {
          image[static_cast<std::size_t>(y * kEdge + x)] = value;
        }
      }
    };
    for (std::size_t i = 0; i < painted.size(); ++i) {
      fill(expected, painted[i], static_cast<int>(i));
    }
    const auto parts = visible_parts(painted);
    std::vector<int> actual(kEdge * kEdge, -1);
    std::int64_t area = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (const PixelRect& part : parts[i]) {
        fill(actual, part, static_cast<int>(i));
        area += part.width * part.height;
      }
    }
    EXPECT_EQ(actual, expected) << "seed " << seed;
    EXPECT_EQ(area, std::count_if(expected.begin(), expected.end(), [](int v) { return v >= 0; }))
        << "parts overlap, seed " << seed;
  }
}

TEST(LayAxis, PaintsHalfOpenAndTakesTheNearestPixel) {
  AxisView axis{.target_px = 8,
                .canvas_px = 8,
                .center = 4,
                .world_per_px = 1,
                .origin = 0.5,
                .spacing = 1,
                .first = 1,
                .end = 6,
                .length = 8};
  const AxisRun run = lay_axis(axis, Interpolation::nearest);
  EXPECT_EQ(run.start, 1);
  ASSERT_EQ(run.samples.size(), 5U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(run.samples[static_cast<std::size_t>(i)].first, i + 1);
  // Sample points on the edges between pixels: the lower edge belongs to the area, the upper does not.
  axis.origin = 0;
  const AxisRun edges = lay_axis(axis, Interpolation::nearest);
  EXPECT_EQ(edges.start, 0);
  ASSERT_EQ(edges.samples.size(), 5U);
  EXPECT_EQ(edges.samples[0].first, 1);
}

TEST(LayAxis, OutsideIsEmpty) {
  const AxisView axis{.target_px = 8,
                      .canvas_px = 8,
                      .center = 100,
                      .world_per_px = 1,
                      .origin = 0,
                      .spacing = 1,
                      .first = 0,
                      .end = 8,
                      .length = 8};
  EXPECT_TRUE(lay_axis(axis, Interpolation::linear).samples.empty());
}

TEST(MakeColourTable, IsByValueWhereValuesAreFew) {
  const data::Transfer transfer{.contrast_low = 10, .contrast_high = 20};
  const auto exact = make_colour_table(transfer, DType::i8, Interpolation::nearest);
  ASSERT_TRUE(exact);
  EXPECT_TRUE(exact->exact);
  EXPECT_EQ(exact->entries.size(), 256U);
  EXPECT_FLOAT_EQ(exact->low, -128);
  EXPECT_FLOAT_EQ(exact->entries[128 + 15][0], 0.5F);
  const auto linear = make_colour_table(transfer, DType::i8, Interpolation::linear);
  ASSERT_TRUE(linear);
  EXPECT_FALSE(linear->exact);
  EXPECT_EQ(linear->entries.size(), 256U);
  EXPECT_FALSE(make_colour_table(transfer, DType::u32, Interpolation::nearest)->exact);
}

}  // namespace
}  // namespace napari::engine::gl_test
