// Stands in for the CUDA road in a build without cuda.h (-Dcuda=disabled, or neither Toolkit nor pinned headers found).
#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda/cuda_gl_buffer.hpp"

namespace napari::engine {
namespace {

tl::unexpected<gstx::Error> absent() {
  return gstx::fail(gstx::ErrorCode::unsupported,
                    "this build left out the CUDA road: it was configured without cuda.h, or "
                    "without GStreamer's CUDA library (meson option cuda)");
}

}  // namespace

gstx::Result<std::unique_ptr<CudaConverter>> CudaConverter::make(GstCudaContext* /*context*/,
                                                                 KernelSource /*source*/) {
  return absent();
}
gstx::Result<void> load_cuda() { return absent(); }

gstx::Result<std::unique_ptr<CudaGlBuffer>> CudaGlBuffer::register_buffer(std::uint32_t /*buffer*/,
                                                                          void* /*cuda_context*/) {
  return absent();
}

}  // namespace napari::engine
