#include "engine/cuda/gst_cuda.hpp"

#include <fmt/format.h>

namespace napari::engine {

gstx::Result<void> check_cuda(CUresult status, const char* doing) {
  if (status == CUDA_SUCCESS) return {};
  const char* name = nullptr;
  const char* text = nullptr;
  CuGetErrorName(status, &name);
  CuGetErrorString(status, &text);
  const auto code =
      status == CUDA_ERROR_OUT_OF_MEMORY ? gstx::ErrorCode::unavailable : gstx::ErrorCode::internal;
  return gstx::fail(code,
                    fmt::format("{}: {} ({}): {}", doing, name != nullptr ? name : "CUDA error",
                                static_cast<int>(status), text != nullptr ? text : ""));
}

}  // namespace napari::engine
