// RGBA in CUDA memory to Y'CbCr in CUDA memory, by one kernel: colour, flip, scaling up. What ColorConverter gives, to one code
// value. The kernel comes compiled with the build (nvcc) or is compiled for the device found (NVRTC); a build without cuda.h has
// these functions too; they then say so. Threads: any, one caller at a time per converter; work is put on `stream`, nothing waits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "data/types.hpp"
#include "engine/color_convert.hpp"
#include "gstx/result.hpp"

// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is GStreamer's.
using GstCudaContext = struct _GstCudaContext;

namespace napari::engine {

struct CudaPicture {
  std::uint64_t rgba{0};  // CUdeviceptr
  std::size_t stride_bytes{0};
  data::CanvasSize size;
};

struct CudaVideo {
  VideoLayout layout{VideoLayout::nv12};
  data::CanvasSize size;
  std::array<std::uint64_t, 3> planes{};  // CUdeviceptr
  std::array<std::size_t, 3> stride_bytes{};
};

// `built`: what nvcc compiled with the build, else what NVRTC compiles; `runtime`: what NVRTC compiles, for tests.
enum class KernelSource { built, runtime };

class CudaConverter {
 public:
  // Loads the kernel into `context`, which it keeps alive.
  [[nodiscard]] static gstx::Result<std::unique_ptr<CudaConverter>> make(
      GstCudaContext* context, KernelSource source = KernelSource::built);
  CudaConverter() = default;
  CudaConverter(const CudaConverter&) = delete;
  CudaConverter& operator=(const CudaConverter&) = delete;
  virtual ~CudaConverter() = default;

  // `stream`: a CUstream of the context; null: its default stream.
  [[nodiscard]] virtual gstx::Result<void> convert(const CudaPicture& source,
                                                   const CudaVideo& target,
                                                   const ConvertOptions& options, void* stream) = 0;
  [[nodiscard]] virtual std::string kernel_origin()
      const = 0;  // "nvcc, sm_90", "NVRTC 13.0, sm_90"
};

// Loads the driver through GStreamer; `unsupported` with the reason where there is none or the build has no CUDA. After it has
// succeeded gst_cuda_context_new may be called, which aborts without a driver.
[[nodiscard]] gstx::Result<void> load_cuda();

}  // namespace napari::engine
