// One drawn picture in GPU memory: RGBA8, rows top first, tight, alpha 255. What a GPU drawer draws into and what sources hand
// downstream instead of pixels, so that reading back or converting happens once it is known what is wanted, and only then.
// Names no GL, CUDA or GStreamer type. Threads: any but the GPU's own thread; methods wait for the GPU. Ownership: shared by all
// who show the picture; it keeps its back end alive, and its memory goes back to a bounded pool when the last one lets go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "data/types.hpp"
#include "engine/color_convert.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// Y'CbCr planes that the GPU has written where the CPU reads them. Immutable; freed on any thread.
struct MappedVideo {
  VideoLayout layout{VideoLayout::nv12};
  data::CanvasSize size;
  std::shared_ptr<const std::uint8_t> memory;
  std::size_t bytes{0};  // of all planes
  std::array<std::size_t, 3> offset{};
  std::array<std::size_t, 3> stride_bytes{};
};

// RGBA rows in memory of a CUDA context on the frame's own device. The copy is in the order of `stream`.
struct CudaRows {
  void* context{nullptr};    // GstCudaContext
  std::uint64_t pointer{0};  // CUdeviceptr
  std::size_t stride_bytes{0};
  void* stream{nullptr};  // CUstream of that context; null: its default stream
};

// `internal` from any method: this frame is lost (its back end died) and will stay so; whoever has it drops it with a warning
// and goes on, since the plan is then drawn again with another back end. `unavailable`: no memory at the moment, drop it too.
class GpuFrame {
 public:
  GpuFrame() = default;
  GpuFrame(const GpuFrame&) = delete;
  GpuFrame& operator=(const GpuFrame&) = delete;
  virtual ~GpuFrame() = default;

  [[nodiscard]] virtual data::CanvasSize size() const = 0;

  // The pixels for the CPU. Read back on the first call, kept for the others.
  [[nodiscard]] virtual gstx::Result<std::shared_ptr<const std::uint8_t>> read() = 0;

  // Overwrites `rows` rows from the top, `width_px` wide, with RGBA8 rows `stride_bytes` apart: for what the CPU paints over a
  // picture (the frame barcode). Before anybody else has the frame.
  [[nodiscard]] virtual gstx::Result<void> write(std::span<const std::uint8_t> rgba,
                                                 std::size_t stride_bytes, int width_px,
                                                 int rows) = 0;

  // What ColorConverter::convert gives, to one code value, computed on the GPU straight into memory that the CPU can read.
  [[nodiscard]] virtual gstx::Result<MappedVideo> convert(VideoLayout layout, data::CanvasSize size,
                                                          const ConvertOptions& options) = 0;

  // The CUDA device this frame lives on; below 0: `copy_to` has nowhere to copy to, and says why.
  [[nodiscard]] virtual int cuda_ordinal() const = 0;
  [[nodiscard]] virtual gstx::Result<void> copy_to(const CudaRows& rows) = 0;
};
using GpuFramePtr = std::shared_ptr<GpuFrame>;

}  // namespace napari::engine
