#include "engine/cuda/cuda_gl_buffer.hpp"

#include <fmt/format.h>

#include "engine/cuda/gst_cuda.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

class RegisteredBuffer final : public CudaGlBuffer {
 public:
  explicit RegisteredBuffer(GstCudaContext* context)
      : context_(gstx::Ref<GstCudaContext>::retain(context)) {}
  ~RegisteredBuffer() override {
    const PushedCudaContext pushed(context_.get());
    if (pushed && resource_ != nullptr) CuGraphicsUnregisterResource(resource_);
  }
  RegisteredBuffer(const RegisteredBuffer&) = delete;
  RegisteredBuffer& operator=(const RegisteredBuffer&) = delete;

  [[nodiscard]] gstx::Result<void> start(std::uint32_t buffer) {
    const PushedCudaContext pushed(context_.get());
    GSTX_TRY(pushed.check());
    return check_cuda(
        CuGraphicsGLRegisterBuffer(&resource_, buffer, CU_GRAPHICS_REGISTER_FLAGS_READ_ONLY),
        "CUDA does not take the GL buffer (are GL and CUDA on the same device?)");
  }

  [[nodiscard]] gstx::Result<void> copy_to(const CudaRows& rows, std::size_t row_bytes,
                                           std::size_t row_count) override {
    GSTX_TRY(check_rows(rows, row_bytes, row_count));
    const PushedCudaContext pushed(context_.get());
    GSTX_TRY(pushed.check());
    auto* const stream = static_cast<CUstream>(rows.stream);
    GSTX_TRY(check_cuda(CuGraphicsMapResources(1, &resource_, stream),
                        "the GL buffer cannot be mapped for CUDA"));
    const gstx::Result<void> copied = copy_mapped(rows, row_bytes, row_count);
    // Unmapping is what orders GL's later commands after the copy: also where the copy has failed.
    gstx::Result<void> unmapped = check_cuda(CuGraphicsUnmapResources(1, &resource_, stream),
                                             "the GL buffer cannot be given back to GL");
    GSTX_TRY(copied);
    return unmapped;
  }

 private:
  [[nodiscard]] gstx::Result<void> check_rows(const CudaRows& rows, std::size_t row_bytes,
                                              std::size_t row_count) const {
    if (rows.context != context_.get()) {
      return gstx::fail(
          ErrorCode::invalid_argument,
          "the rows are of another CUDA context than the GL buffer is registered with");
    }
    if (rows.pointer != 0 && row_bytes > 0 && row_count > 0 && rows.stride_bytes >= row_bytes)
      return {};
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("{} rows of {} bytes, {} bytes apart{}", row_count, row_bytes,
                                  rows.stride_bytes, rows.pointer == 0 ? ", without memory" : ""));
  }

  [[nodiscard]] gstx::Result<void> copy_mapped(const CudaRows& rows, std::size_t row_bytes,
                                               std::size_t row_count) {
    CUdeviceptr source = 0;
    std::size_t bytes = 0;
    GSTX_TRY(check_cuda(CuGraphicsResourceGetMappedPointer(&source, &bytes, resource_),
                        "the mapped GL buffer has no address"));
    if (bytes / row_bytes < row_count) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("{} rows of {} bytes are not in a GL buffer of {} bytes",
                                    row_count, row_bytes, bytes));
    }
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = source;
    copy.srcPitch = row_bytes;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = static_cast<CUdeviceptr>(rows.pointer);
    copy.dstPitch = rows.stride_bytes;
    copy.WidthInBytes = row_bytes;
    copy.Height = row_count;
    return check_cuda(CuMemcpy2DAsync(&copy, static_cast<CUstream>(rows.stream)),
                      "the GL buffer cannot be copied to CUDA memory");
  }

  gstx::Ref<GstCudaContext> context_;
  CUgraphicsResource resource_{};
};

}  // namespace

gstx::Result<std::unique_ptr<CudaGlBuffer>> CudaGlBuffer::register_buffer(std::uint32_t buffer,
                                                                          void* cuda_context) {
  if (cuda_context == nullptr || buffer == 0)
    return gstx::fail(ErrorCode::invalid_argument, "no CUDA context, or no GL buffer, to register");
  auto registered = std::make_unique<RegisteredBuffer>(static_cast<GstCudaContext*>(cuda_context));
  GSTX_TRY(registered->start(buffer));
  return registered;
}

}  // namespace napari::engine
