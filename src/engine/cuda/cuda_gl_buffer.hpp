// A GL buffer registered with a CUDA context, so that CUDA may read what GL has drawn. Registered once, mapped for each copy.
// Threads: [gl], with the GL context current, construction and destruction included; the CUDA context is pushed and popped inside.
// Ownership: keeps the CUDA context alive, not the GL buffer, which must outlive it. A build without cuda.h has these functions
// too; they then say so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/gpu_frame.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class CudaGlBuffer {
 public:
  // `buffer`: a GL buffer name. The GL context must be on the CUDA context's device.
  [[nodiscard]] static gstx::Result<std::unique_ptr<CudaGlBuffer>> register_buffer(
      std::uint32_t buffer, void* cuda_context);
  CudaGlBuffer() = default;
  CudaGlBuffer(const CudaGlBuffer&) = delete;
  CudaGlBuffer& operator=(const CudaGlBuffer&) = delete;
  virtual ~CudaGlBuffer() = default;

  // Copies `row_count` rows of `row_bytes`, tight in the GL buffer. GL's commands so far come before it, and GL's later ones after:
  // the copy is done, or ordered by the driver, when this returns.
  [[nodiscard]] virtual gstx::Result<void> copy_to(const CudaRows& rows, std::size_t row_bytes,
                                                   std::size_t row_count) = 0;
};

}  // namespace napari::engine
