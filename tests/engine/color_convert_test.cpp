#include "engine/color_convert.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "engine/simd/kernels.hpp"

namespace napari::engine {
namespace {

struct Planes {
  std::vector<std::uint8_t> bytes[3];
  VideoTarget target;
};

// Planes with `margin` unused bytes behind each row, which must stay as they are.
Planes make_planes(VideoLayout layout, data::CanvasSize size, std::size_t margin) {
  Planes planes;
  planes.target.layout = layout;
  planes.target.size = size;
  const auto width = static_cast<std::size_t>(size.width_px);
  const auto height = static_cast<std::size_t>(size.height_px);
  const int count = layout == VideoLayout::nv12 ? 2 : 3;
  for (int p = 0; p < count; ++p) {
    const bool half_width = p > 0 && layout == VideoLayout::i420;
    const bool half_height = p > 0 && layout != VideoLayout::y444;
    planes.target.stride_bytes[p] = (half_width ? width / 2 : width) + margin;
    planes.bytes[p].assign(planes.target.stride_bytes[p] * (half_height ? height / 2 : height), 77);
    planes.target.planes[p] = planes.bytes[p].data();
  }
  return planes;
}

struct Picture {
  data::CanvasSize size;
  std::size_t stride;
  std::vector<std::uint8_t> rgba;
};

Picture make_picture(data::CanvasSize size, std::size_t margin) {
  Picture picture{size, 4 * static_cast<std::size_t>(size.width_px) + margin, {}};
  std::mt19937 random(3);
  picture.rgba.resize(picture.stride * static_cast<std::size_t>(size.height_px));
  for (std::uint8_t& byte : picture.rgba) byte = static_cast<std::uint8_t>(random());
  // Extremes, which rounding could push over the edge.
  for (std::size_t i = 0; i < 8 && i < picture.rgba.size(); ++i) picture.rgba[i] = i < 4 ? 0 : 255;
  return picture;
}

// Component c of the picture enlarged to `size`, in double precision.
double enlarged(const Picture& picture, data::CanvasSize size, int x, int y, int c) {
  const auto tap = [](int pixel, int from, int to) {
    return std::clamp((pixel + 0.5) * from / to - 0.5, 0.0, from - 1.0);
  };
  const double u = tap(x, picture.size.width_px, size.width_px);
  const double v = tap(y, picture.size.height_px, size.height_px);
  const auto at = [&](double row, double column) {
    const auto r = std::min(static_cast<std::size_t>(row),
                            static_cast<std::size_t>(picture.size.height_px - 1));
    const auto k = std::min(static_cast<std::size_t>(column),
                            static_cast<std::size_t>(picture.size.width_px - 1));
    return static_cast<double>(
        picture.rgba[r * picture.stride + 4 * k + static_cast<std::size_t>(c)]);
  };
  const double fu = u - std::floor(u);
  const double fv = v - std::floor(v);
  const double above = at(v, u) * (1 - fu) + at(v, u + 1) * fu;
  const double below = at(v + 1, u) * (1 - fu) + at(v + 1, u + 1) * fu;
  return above * (1 - fv) + below * fv;
}

struct Reference {
  double kr, kb;
  [[nodiscard]] std::array<double, 3> code(const std::array<double, 3>& rgb) const {
    const double r = rgb[0] / 255;
    const double g = rgb[1] / 255;
    const double b = rgb[2] / 255;
    const double y = kr * r + (1 - kr - kb) * g + kb * b;
    return {std::floor(16 + 219 * y + 0.5), std::floor(128 + 224 * (b - y) / (2 * (1 - kb)) + 0.5),
            std::floor(128 + 224 * (r - y) / (2 * (1 - kr)) + 0.5)};
  }
};

int worst(const Picture& picture, const Planes& planes, ConvertOptions options) {
  const Reference reference =
      options.matrix == ColorMatrix::bt709 ? Reference{0.2126, 0.0722} : Reference{0.299, 0.114};
  const data::CanvasSize size = planes.target.size;
  const int block = planes.target.layout == VideoLayout::y444 ? 1 : 2;
  double most = 0;
  const auto stored = [&](int p, int x, int y, int rows) {
    const int row = options.bottom_first ? rows - 1 - y : y;
    return static_cast<double>(
        planes.target.planes[p][static_cast<std::size_t>(row) * planes.target.stride_bytes[p] +
                                static_cast<std::size_t>(x)]);
  };
  for (int y = 0; y < size.height_px; ++y) {
    for (int x = 0; x < size.width_px; ++x) {
      std::array<double, 3> rgb{};
      for (int c = 0; c < 3; ++c) rgb[c] = enlarged(picture, size, x, y, c);
      most = std::max(most, std::abs(stored(0, x, y, size.height_px) - reference.code(rgb)[0]));
      if (x % block != 0 || y % block != 0) continue;
      std::array<double, 3> mean{};
      for (int i = 0; i < block * block; ++i) {
        for (int c = 0; c < 3; ++c)
          mean[c] += enlarged(picture, size, x + i % block, y + i / block, c) / (block * block);
      }
      const auto code = reference.code(mean);
      const bool interleaved = planes.target.layout == VideoLayout::nv12;
      for (int c = 1; c < 3; ++c) {
        const int column = interleaved ? x + c - 1 : x / block;
        most = std::max(
            most, std::abs(stored(interleaved ? 1 : c, column, y / block, size.height_px / block) -
                           code[c]));
      }
    }
  }
  return static_cast<int>(most);
}

class ColorConvert : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, ColorConvert, testing::ValuesIn(simd::runnable_targets()),
                         [](const auto& instance) {
                           return std::string(hwy::TargetName(instance.param));
                         });

TEST_P(ColorConvert, IsWithinOneCodeValueOfDoublePrecision) {
  ColorConverter converter(3);
  const data::CanvasSize size{178, 70};
  for (const auto layout : {VideoLayout::nv12, VideoLayout::i420, VideoLayout::y444}) {
    for (const auto matrix : {ColorMatrix::bt709, ColorMatrix::bt601}) {
      for (const bool flip : {false, true}) {
        for (const data::CanvasSize source :
             {size, data::CanvasSize{89, 35}, data::CanvasSize{53, 69}, data::CanvasSize{1, 1}}) {
          const Picture picture = make_picture(source, 12);
          Planes planes = make_planes(layout, size, 5);
          const ConvertOptions options{matrix, flip};
          ASSERT_TRUE(
              converter
                  .convert({picture.rgba.data(), picture.stride, source}, planes.target, options)
                  .has_value());
          EXPECT_LE(worst(picture, planes, options), 1);
          EXPECT_EQ(planes.bytes[0][static_cast<std::size_t>(size.width_px) + 2], 77)
              << "written past the row";
        }
      }
    }
  }
}

TEST_P(ColorConvert, GreysHaveNoColour) {
  ColorConverter converter(1);
  const data::CanvasSize size{512, 2};
  Picture picture = make_picture(size, 0);
  for (std::size_t i = 0; i < picture.rgba.size(); ++i)
    picture.rgba[i] = static_cast<std::uint8_t>(i / 4 % 512 / 2);
  for (const auto matrix : {ColorMatrix::bt709, ColorMatrix::bt601}) {
    Planes planes = make_planes(VideoLayout::nv12, size, 0);
    ASSERT_TRUE(
        converter
            .convert({picture.rgba.data(), picture.stride, size}, planes.target, {matrix, false})
            .has_value());
    EXPECT_EQ(planes.bytes[0].front(), 16);
    EXPECT_EQ(planes.bytes[0].back(), 235);
    EXPECT_TRUE(
        std::ranges::all_of(planes.bytes[1], [](std::uint8_t code) { return code == 128; }));
  }
}

TEST(ColorConverter, RefusesWhatItCannotDo) {
  ColorConverter converter(1);
  const Picture picture = make_picture({16, 16}, 0);
  const RgbaView view{picture.rgba.data(), picture.stride, picture.size};
  const auto message = [&](const VideoTarget& target) {
    const auto done = converter.convert(view, target, {});
    return done ? std::string() : done.error().message;
  };
  EXPECT_EQ(message(make_planes(VideoLayout::nv12, {16, 16}, 0).target), "");
  EXPECT_NE(message(make_planes(VideoLayout::nv12, {8, 16}, 0).target), "");
  EXPECT_NE(message(make_planes(VideoLayout::nv12, {17, 16}, 0).target), "");
  VideoTarget narrow = make_planes(VideoLayout::i420, {16, 16}, 0).target;
  narrow.stride_bytes[2] = 7;
  EXPECT_NE(message(narrow).find("plane 2"), std::string::npos);
  narrow.planes[0] = nullptr;
  EXPECT_NE(message(narrow).find("plane 0"), std::string::npos);
}

}  // namespace
}  // namespace napari::engine
