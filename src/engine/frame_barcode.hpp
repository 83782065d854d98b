// A frame id painted into the picture as black and white blocks, so that the id can be read back
// after encoding and decoding, on any machine, to measure latency end to end. Layout:
// docs/drawing.md. Not a hash of the picture and not meant to look nice. Threads: any (pure
// functions).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "data/types.hpp"

namespace napari::engine {

inline constexpr int kBarcodeBlockPx = 16;  // at least; grows with the canvas
inline constexpr int kBarcodeColumns = 24;
inline constexpr int kBarcodeRows = 2;

// Side of one block on a canvas of this size: 16 px, and more on wide ones; 0 where the barcode does not fit (24 blocks
// wide, twice its height of 2 blocks).
[[nodiscard]] int barcode_block_px(data::CanvasSize canvas);

// The top left part of a picture of `size` that the barcode covers; 0 x 0 where it does not fit.
[[nodiscard]] data::CanvasSize barcode_extent(data::CanvasSize size, data::CanvasSize canvas);

// RGBA8 rows, top first: of the picture, or of barcode_extent alone. A picture drawn smaller than its canvas has smaller blocks, which have the right size once scaled up.
struct BarcodeTarget {
  std::span<std::uint8_t> rgba;
  std::size_t stride_bytes{0};
  data::CanvasSize size;    // of the picture
  data::CanvasSize canvas;  // what it stands for
};
// Paints the low 32 bits of `frame_id` into the top left corner. Does nothing where it does not fit.
void draw_barcode(const BarcodeTarget& target, std::uint64_t frame_id);

// Reads it from luma (or any one channel), `pixel_step` bytes a pixel. A picture stored bottom row
// first is recognised and read all the same. Nothing when there is no barcode or it is damaged.
struct LumaView {
  std::span<const std::uint8_t> bytes;
  std::size_t stride_bytes{0};
  std::size_t pixel_step{1};
  data::CanvasSize size;
};
[[nodiscard]] std::optional<std::uint32_t> read_barcode(const LumaView& luma);

}  // namespace napari::engine
