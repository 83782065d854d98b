// GStreamer's CUDA headers, whose interface is declared unstable, and what every use of them needs: a context pushed for as long as a
// scope, and results as errors. Only for files of a build that has cuda.h, and only after load_cuda() has succeeded: before, these
// calls end the program. Threads: any.
#pragma once

#ifndef GST_USE_UNSTABLE_API
#define GST_USE_UNSTABLE_API
#endif
#include <gst/cuda/cuda-gst.h>
#include <gst/cuda/gstcudacontext.h>
#include <gst/cuda/gstcudaloader.h>

#include "gstx/gst_ref.hpp"
#include "gstx/result.hpp"

namespace gstx {
template <>
struct RefTraits<GstCudaContext> : GstObjectRefTraits {};
}  // namespace gstx

namespace napari::engine {

class PushedCudaContext {
 public:
  explicit PushedCudaContext(GstCudaContext* context)
      : pushed_(gst_cuda_context_push(context) != FALSE) {}
  ~PushedCudaContext() {
    if (pushed_) gst_cuda_context_pop(nullptr);
  }
  PushedCudaContext(const PushedCudaContext&) = delete;
  PushedCudaContext& operator=(const PushedCudaContext&) = delete;

  explicit operator bool() const { return pushed_; }
  [[nodiscard]] gstx::Result<void> check() const {
    if (pushed_) return {};
    return gstx::fail(gstx::ErrorCode::internal, "the CUDA context cannot be made current");
  }

 private:
  bool pushed_;
};

// "`doing`: CUDA_ERROR_... (n): what the driver says". Out of memory is `unavailable`, the rest `internal`.
[[nodiscard]] gstx::Result<void> check_cuda(CUresult status, const char* doing);

}  // namespace napari::engine
