#include "engine/frame_barcode.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "engine/color_convert.hpp"
#include "engine/test_pattern.hpp"

namespace napari::engine {
namespace {

std::optional<std::uint32_t> read_rgba(const std::vector<std::uint8_t>& rgba,
                                       data::CanvasSize size) {
  return read_barcode({rgba, 4 * static_cast<std::size_t>(size.width_px), 4, size});
}

std::vector<std::uint8_t> pattern(TestPattern which, std::uint64_t frame, data::CanvasSize size) {
  std::vector<std::uint8_t> rgba(4 * static_cast<std::size_t>(size.width_px) *
                                 static_cast<std::size_t>(size.height_px));
  draw_test_pattern(which, frame, rgba, 4 * static_cast<std::size_t>(size.width_px), size);
  return rgba;
}

TEST(FrameBarcode, ComesBack) {
  for (const data::CanvasSize size :
       {data::CanvasSize{384, 64}, data::CanvasSize{640, 480}, data::CanvasSize{1920, 1080}}) {
    for (const std::uint64_t id : {0ULL, 1ULL, 0x12345678ULL, 0xffffffffULL, 0x100000007ULL}) {
      EXPECT_EQ(read_rgba(pattern(TestPattern::barcode, id, size), size),
                static_cast<std::uint32_t>(id));
    }
  }
}

TEST(FrameBarcode, ComesBackFromFlippedEnlargedNoisyVideo) {
  const data::CanvasSize drawn{640, 360};
  const data::CanvasSize canvas{1920, 1080};
  auto rgba = pattern(TestPattern::noise, 5, drawn);
  draw_barcode({rgba, 4 * 640, drawn, canvas}, 4711);
  const std::size_t luma = 1920UL * 1080;
  std::vector<std::uint8_t> planes(luma * 3 / 2);
  ColorConverter converter(2);
  for (const bool flip : {false, true}) {
    const VideoTarget target{
        VideoLayout::nv12, canvas, {planes.data(), planes.data() + luma, nullptr}, {1920, 1920, 0}};
    ASSERT_TRUE(converter.convert({rgba.data(), 4 * 640, drawn}, target, {ColorMatrix::bt709, flip})
                    .has_value());
    std::mt19937 random(9);
    for (std::size_t i = 0; i < luma; ++i)
      planes[i] = static_cast<std::uint8_t>(
          std::clamp(planes[i] + static_cast<int>(random() % 61) - 30, 0, 255));
    EXPECT_EQ(read_barcode({std::span(planes).first(luma), 1920, 1, canvas}), 4711U);
  }
}

TEST(FrameBarcode, IsNotSeenWhereThereIsNoneOrItIsDamaged) {
  const data::CanvasSize size{640, 480};
  for (const auto which :
       {TestPattern::gradient, TestPattern::bars, TestPattern::checker, TestPattern::noise}) {
    EXPECT_EQ(read_rgba(pattern(which, 3, size), size), std::nullopt);
  }
  auto rgba = pattern(TestPattern::barcode, 99, size);
  for (int y = 0; y < 16; ++y) {
    for (int x = 5 * 16; x < 6 * 16; ++x) rgba[static_cast<std::size_t>(4 * (y * 640 + x))] ^= 255;
  }
  EXPECT_EQ(read_rgba(rgba, size), std::nullopt);
  EXPECT_EQ(barcode_block_px({320, 240}), 0);
}

TEST(TestPattern, MovesAndIsDeterministic) {
  const data::CanvasSize size{130, 50};
  for (const auto which :
       {TestPattern::gradient, TestPattern::bars, TestPattern::checker, TestPattern::noise}) {
    EXPECT_EQ(pattern(which, 7, size), pattern(which, 7, size));
    EXPECT_NE(pattern(which, 7, size), pattern(which, 8, size));
    EXPECT_EQ(pattern(which, 7, size)[3], 255);
  }
}

}  // namespace
}  // namespace napari::engine
