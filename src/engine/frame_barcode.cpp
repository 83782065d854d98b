#include "engine/frame_barcode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace napari::engine {
namespace {

constexpr int kIdBits = 32;
constexpr int kCheckBits = 8;
constexpr int kMarkerColumns = 2;  // at either end
constexpr int kDataColumns = kBarcodeColumns - 2 * kMarkerColumns;
static_assert(kDataColumns * kBarcodeRows == kIdBits + kCheckBits);

// Marker blocks, true is white: columns 0, 1, 22 and 23 of both rows. No mirror image of it is itself.
constexpr std::array<std::array<bool, 4>, kBarcodeRows> kMarker{
    {{true, false, false, true}, {false, true, false, true}}};

using Blocks = std::array<std::array<bool, kBarcodeColumns>, kBarcodeRows>;

// CRC-8 with polynomial x^8 + x^2 + x + 1 over the id's bytes, most significant first.
std::uint8_t check_byte(std::uint32_t id) {
  std::uint8_t crc = 0xff;
  for (int shift = 24; shift >= 0; shift -= 8) {
    crc = static_cast<std::uint8_t>(crc ^ (id >> shift & 255));
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<std::uint8_t>((crc & 128) != 0 ? (crc << 1) ^ 7 : crc << 1);
    }
  }
  return crc;
}

int marker_index(int column) {
  if (column < kMarkerColumns) return column;
  return column >= kBarcodeColumns - kMarkerColumns ? column - kDataColumns : -1;
}

Blocks encode(std::uint32_t id) {
  const std::uint64_t word = static_cast<std::uint64_t>(id) << kCheckBits | check_byte(id);
  Blocks blocks{};
  int bit = kIdBits + kCheckBits - 1;
  for (int row = 0; row < kBarcodeRows; ++row) {
    for (int column = 0; column < kBarcodeColumns; ++column) {
      const int marker = marker_index(column);
      blocks[row][column] = marker >= 0 ? kMarker[row][marker] : (word >> bit-- & 1) != 0;
    }
  }
  return blocks;
}

// Mean luma of the middle of a block; `upward` counts rows from the bottom of the stored picture.
int block_luma(const LumaView& luma, int row, int column, bool upward) {
  const int block = barcode_block_px(luma.size);
  const int inset = block / 3;
  int sum = 0;
  int count = 0;
  for (int y = row * block + inset; y < (row + 1) * block - inset; ++y) {
    const int stored = upward ? luma.size.height_px - 1 - y : y;
    for (int x = column * block + inset; x < (column + 1) * block - inset; ++x) {
      sum += luma.bytes[static_cast<std::size_t>(stored) * luma.stride_bytes +
                        static_cast<std::size_t>(x) * luma.pixel_step];
      ++count;
    }
  }
  return sum / count;
}

std::optional<std::uint32_t> read_one_way(const LumaView& luma, bool upward) {
  std::array<std::array<int, kBarcodeColumns>, kBarcodeRows> level{};
  int darkest_white = 255;
  int brightest_black = 0;
  for (int row = 0; row < kBarcodeRows; ++row) {
    for (int column = 0; column < kBarcodeColumns; ++column) {
      level[row][column] = block_luma(luma, row, column, upward);
      const int marker = marker_index(column);
      if (marker < 0) continue;
      if (kMarker[row][marker]) {
        darkest_white = std::min(darkest_white, level[row][column]);
      } else {
        brightest_black = std::max(brightest_black, level[row][column]);
      }
    }
  }
  constexpr int kContrastMin = 64;
  if (darkest_white - brightest_black < kContrastMin) return std::nullopt;
  const int threshold = (darkest_white + brightest_black) / 2;
  std::uint64_t word = 0;
  for (int row = 0; row < kBarcodeRows; ++row) {
    for (int column = kMarkerColumns; column < kBarcodeColumns - kMarkerColumns; ++column) {
      word = word << 1 | (level[row][column] > threshold ? 1U : 0U);
    }
  }
  const auto id = static_cast<std::uint32_t>(word >> kCheckBits);
  if (check_byte(id) != (word & 255)) return std::nullopt;
  return id;
}

}  // namespace

int barcode_block_px(data::CanvasSize canvas) {
  const int block = std::max(kBarcodeBlockPx, canvas.width_px / 80 / 2 * 2);
  const bool fits =
      block * kBarcodeColumns <= canvas.width_px && block * kBarcodeRows * 2 <= canvas.height_px;
  return fits ? block : 0;
}

data::CanvasSize barcode_extent(data::CanvasSize size, data::CanvasSize canvas) {
  const int block = barcode_block_px(canvas);
  // The pixels whose centre lies within, as draw_barcode takes them.
  const auto extent = [block](int blocks, int pixels, int canvas_px) {
    const double edge = static_cast<double>(blocks) * block * pixels / canvas_px;
    return std::clamp(static_cast<int>(std::ceil(edge - 0.5)), 0, pixels);
  };
  return {extent(kBarcodeColumns, size.width_px, canvas.width_px),
          extent(kBarcodeRows, size.height_px, canvas.height_px)};
}

void draw_barcode(const BarcodeTarget& target, std::uint64_t frame_id) {
  const int block = barcode_block_px(target.canvas);
  if (block == 0) return;
  const Blocks blocks = encode(static_cast<std::uint32_t>(frame_id));
  // Pixel centres are taken to the canvas, as everywhere in drawing.md.
  const double step_x = static_cast<double>(target.canvas.width_px) / target.size.width_px;
  const double step_y = static_cast<double>(target.canvas.height_px) / target.size.height_px;
  for (int y = 0; y < target.size.height_px; ++y) {
    const int row = static_cast<int>((y + 0.5) * step_y / block);
    if (row >= kBarcodeRows) return;
    std::uint8_t* const line =
        target.rgba.data() + static_cast<std::size_t>(y) * target.stride_bytes;
    for (int x = 0; x < target.size.width_px; ++x) {
      const int column = static_cast<int>((x + 0.5) * step_x / block);
      if (column >= kBarcodeColumns) break;
      const std::uint8_t level = blocks[row][column] ? 255 : 0;
      const std::uint8_t pixel[4] = {level, level, level, 255};
      std::memcpy(line + static_cast<std::size_t>(x) * 4, pixel, sizeof(pixel));
    }
  }
}

std::optional<std::uint32_t> read_barcode(const LumaView& luma) {
  if (barcode_block_px(luma.size) == 0) return std::nullopt;
  const std::size_t needed = static_cast<std::size_t>(luma.size.height_px - 1) * luma.stride_bytes +
                             static_cast<std::size_t>(luma.size.width_px - 1) * luma.pixel_step + 1;
  if (luma.bytes.size() < needed) return std::nullopt;
  const auto downward = read_one_way(luma, false);
  return downward ? downward : read_one_way(luma, true);
}

}  // namespace napari::engine
