// Moving test pictures for a source that has nothing to show: deterministic in the frame number, so
// that a test knows every pixel. Threads: any (pure functions of their arguments).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "data/types.hpp"

namespace napari::engine {

enum class TestPattern {
  gradient,  // two colour ramps that drift by 2 px a frame
  bars,      // colour bars at 75 %, with a white line that moves by 4 px a frame
  checker,   // 32 px squares that drift by 1 px a frame
  noise,     // uncorrelated bytes, other ones each frame
  barcode,   // gradient with the frame number as a barcode (frame_barcode.hpp)
};

// Fills the whole picture: RGBA8 rows, top first, alpha 255. rgba holds stride_bytes * height bytes
// at least (the last row may be short), stride_bytes >= 4 * width.
void draw_test_pattern(TestPattern pattern, std::uint64_t frame, std::span<std::uint8_t> rgba,
                       std::size_t stride_bytes, data::CanvasSize size);

}  // namespace napari::engine
