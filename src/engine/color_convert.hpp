// Converts one RGBA picture to limited-range Y'CbCr in system memory, by SIMD on a small pool:
// flips and scales up on the way. Docs: drawing.md, "To video". Equal to a double-precision
// reference to one code value. Threads: one caller at a time. Owns: its pool and the scratch rows;
// pictures are borrowed for the call.
//   source : RGBA8, rows top first; alpha is ignored
//   target : planes of `layout`; 4:2:0 needs an even width and height
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/types.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class ThreadPool;

enum class VideoLayout { nv12, i420, y444 };
enum class ColorMatrix { bt709, bt601 };

struct RgbaView {
  const std::uint8_t* rgba{nullptr};
  std::size_t stride_bytes{0};
  data::CanvasSize size;
};

struct VideoTarget {
  VideoLayout layout{VideoLayout::nv12};
  data::CanvasSize size;
  std::uint8_t* planes[3]{};  // nv12: Y, CbCr; i420 and y444: Y, Cb, Cr
  std::size_t stride_bytes[3]{};
};

struct ConvertOptions {
  ColorMatrix matrix{ColorMatrix::bt709};
  bool bottom_first{false};  // writes the rows in reverse order
};

class ColorConverter {
 public:
  explicit ColorConverter(int threads);
  explicit ColorConverter(std::shared_ptr<ThreadPool> pool);
  ColorConverter(const ColorConverter&) = delete;
  ColorConverter& operator=(const ColorConverter&) = delete;
  ~ColorConverter();

  // A source smaller than the target is scaled up (bilinear); one that is larger in either
  // direction, a null plane, a stride too small, a size outside 1..16384 or odd where 4:2:0 needs
  // even is `invalid_argument`.
  [[nodiscard]] gstx::Result<void> convert(const RgbaView& source, const VideoTarget& target,
                                           const ConvertOptions& options);

 private:
  // Where each target pixel of a row comes from, kept while the widths stay.
  struct Taps {
    int source_width{0};
    int width{0};
    std::vector<std::int32_t> index;
    std::vector<std::int16_t> weight;
  };
  struct Job;
  void plan_taps(int source_width, int width);
  void convert_band(const Job& job, int band) const;

  std::shared_ptr<ThreadPool> pool_;
  Taps taps_;
};

}  // namespace napari::engine
