#include "engine/cuda_cases.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace napari::engine::cuda_test {
namespace {

constexpr std::uint8_t kUntouched = 0xa5;

struct Sizes {
  data::CanvasSize source, target;
};

// 4:2:0 leaves out those with an odd target.
constexpr std::array kSizes{
    Sizes{{64, 48}, {64, 48}},    Sizes{{2, 2}, {2, 2}},         Sizes{{1, 1}, {1, 1}},
    Sizes{{6, 4}, {6, 4}},        Sizes{{130, 70}, {130, 70}},   Sizes{{129, 67}, {129, 67}},
    Sizes{{258, 34}, {258, 34}},  Sizes{{1, 1}, {2, 2}},         Sizes{{3, 5}, {64, 48}},
    Sizes{{7, 3}, {9, 5}},        Sizes{{101, 77}, {102, 400}},  Sizes{{64, 48}, {128, 96}},
    Sizes{{50, 33}, {101, 67}},   Sizes{{479, 269}, {958, 538}}, Sizes{{5000, 1}, {16384, 2}},
    Sizes{{1, 3000}, {2, 16384}}, Sizes{{63, 48}, {64, 48}},     Sizes{{64, 47}, {64, 48}},
};

constexpr std::array kPlacements{
    Placement{0, 0, 0, 0},    // as widths have it
    Placement{0, 16, 0, 64},  // padded
    Placement{4, 8, 2, 2},    // whole pixels, whole pairs of codes
    Placement{1, 3, 1, 1},    // nothing is aligned
};

std::size_t row_bytes(const ConvertCase& test, std::size_t plane) {
  const auto width = static_cast<std::size_t>(test.target.width_px);
  return plane > 0 && test.layout == VideoLayout::i420 ? width / 2 : width;
}

std::size_t row_count(const ConvertCase& test, std::size_t plane) {
  const auto height = static_cast<std::size_t>(test.target.height_px);
  if (plane == 0 || test.layout == VideoLayout::y444) return height;
  return plane == 2 && test.layout == VideoLayout::nv12 ? 0 : height / 2;
}

std::vector<ConvertCase> all_cases() {
  std::vector<ConvertCase> cases;
  for (const VideoLayout layout : {VideoLayout::nv12, VideoLayout::i420, VideoLayout::y444}) {
    for (const Sizes& sizes : kSizes) {
      const bool odd = sizes.target.width_px % 2 != 0 || sizes.target.height_px % 2 != 0;
      if (odd && layout != VideoLayout::y444) continue;
      for (const Placement& placement : kPlacements) {
        // The matrices and flips by turns, each with each size.
        const bool bottom_first = cases.size() % 2 != 0;
        const bool swapped = cases.size() / 2 % 2 != 0;
        for (const ColorMatrix matrix : {ColorMatrix::bt709, ColorMatrix::bt601}) {
          const bool flip =
              (matrix == ColorMatrix::bt709) == swapped ? bottom_first : !bottom_first;
          cases.push_back({layout, sizes.source, sizes.target, {matrix, flip}, placement});
        }
      }
    }
  }
  return cases;
}

}  // namespace

std::string ConvertCase::name() const {
  constexpr std::array kLayouts{"nv12", "i420", "y444"};
  return fmt::format("{} {}x{} to {}x{}, {}{}, source +{} (+{} a row), planes +{} (+{} a row)",
                     kLayouts[static_cast<std::size_t>(layout)], source.width_px, source.height_px,
                     target.width_px, target.height_px,
                     options.matrix == ColorMatrix::bt709 ? "BT.709" : "BT.601",
                     options.bottom_first ? ", bottom first" : "", placement.rgba_offset,
                     placement.rgba_padding, placement.plane_offset, placement.plane_padding);
}

std::vector<ConvertCase> convert_cases() { return all_cases(); }

Rows make_picture(const ConvertCase& test) {
  Rows rows;
  rows.offset = test.placement.rgba_offset;
  rows.stride_bytes =
      4 * static_cast<std::size_t>(test.source.width_px) + test.placement.rgba_padding;
  rows.bytes.resize(rows.offset +
                    rows.stride_bytes * static_cast<std::size_t>(test.source.height_px));
  std::mt19937 random(static_cast<unsigned>(test.source.width_px * 31 + test.target.height_px));
  for (std::uint8_t& byte : rows.bytes) {
    // A third of the components are at an end of their range, where sums may overflow.
    const auto draw = static_cast<unsigned>(random());
    byte = static_cast<std::uint8_t>(draw % 6 == 0 ? 0 : draw % 6 == 1 ? 255 : draw >> 8 & 255U);
  }
  return rows;
}

std::array<Rows, 3> make_planes(const ConvertCase& test) {
  std::array<Rows, 3> planes;
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    Rows& rows = planes[plane];
    rows.offset = test.placement.plane_offset;
    rows.stride_bytes = row_bytes(test, plane) + test.placement.plane_padding;
    rows.bytes.assign(rows.offset + rows.stride_bytes * row_count(test, plane) + 64, kUntouched);
  }
  return planes;
}

std::array<Rows, 3> reference(const ConvertCase& test, Rows& picture) {
  std::array<Rows, 3> planes = make_planes(test);
  VideoTarget target{.layout = test.layout, .size = test.target};
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    if (row_count(test, plane) == 0) continue;
    target.planes[plane] = planes[plane].first();
    target.stride_bytes[plane] = planes[plane].stride_bytes;
  }
  ColorConverter converter(1);
  const auto done =
      converter.convert({picture.first(), picture.stride_bytes, test.source}, target, test.options);
  if (!done) planes[0].bytes.clear();  // equals nothing
  return planes;
}

std::string first_difference(const ConvertCase& test, const std::array<Rows, 3>& planes,
                             const std::array<Rows, 3>& expected) {
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    const std::vector<std::uint8_t>& ours = planes[plane].bytes;
    const std::vector<std::uint8_t>& theirs = expected[plane].bytes;
    if (ours.size() != theirs.size()) return fmt::format("plane {} has another size", plane);
    const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin());
    if (a == ours.end()) continue;
    const auto at = static_cast<std::size_t>(a - ours.begin());
    const std::size_t in_rows = at - std::min(at, planes[plane].offset);
    return fmt::format("plane {}, row {}, byte {}: {}, not {} ({})", plane,
                       in_rows / planes[plane].stride_bytes, in_rows % planes[plane].stride_bytes,
                       *a, *b, test.name());
  }
  return {};
}

}  // namespace napari::engine::cuda_test
