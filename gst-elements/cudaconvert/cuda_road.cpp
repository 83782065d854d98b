#include "cudaconvert/cuda_road.hpp"

namespace napari::elements {

using gstx::ErrorCode;
using gstx::fail;

gstx::Result<void> CudaRoad::enter(const engine::CudaContextPtr& context) {
  if (stream_ != nullptr && stream_->context() == context.get()) return {};
  reset();
  GSTX_ASSIGN_OR_RETURN(auto stream, engine::CudaStream::make(context));
  GSTX_ASSIGN_OR_RETURN(converter_, engine::CudaConverter::make(context.get()));
  stream_ = std::move(stream);
  return {};
}

gstx::Result<gstx::Ref<GstBuffer>> CudaRoad::convert(GstBuffer* in, const GstVideoInfo& in_info,
                                                     const Output& output,
                                                     const engine::ConvertOptions& options) {
  const engine::CudaContextPtr context = engine::cuda_context_of(in);
  if (context == nullptr)
    return fail(ErrorCode::invalid_argument,
                "the caps say memory:CUDAMemory, but the buffer is not one piece of CUDA memory");
  GSTX_TRY(enter(context));
  GSTX_ASSIGN_OR_RETURN(auto out, buffers_.take(context, output.caps));
  {
    const engine::MappedCuda from(in_info, in, engine::CudaAccess::read);
    const engine::MappedCuda to(output.info, out.get(), engine::CudaAccess::write);
    if (!from || !to) return fail(ErrorCode::internal, "CUDA memory could not be mapped");
    const engine::CudaPicture source{.rgba = from.planes().pointer[0],
                                     .stride_bytes = from.planes().stride_bytes[0],
                                     .size = {in_info.width, in_info.height}};
    const engine::CudaVideo target{.layout = output.layout,
                                   .size = {output.info.width, output.info.height},
                                   .planes = to.planes().pointer,
                                   .stride_bytes = to.planes().stride_bytes};
    GSTX_TRY(converter_->convert(source, target, options, stream_->handle()));
    // Whoever comes next knows nothing of this stream, and the input may be overwritten once it is let go of.
    GSTX_TRY(stream_->synchronize());
  }
  return out;
}

void CudaRoad::reset() {
  converter_.reset();
  stream_.reset();
  buffers_.reset();
}

}  // namespace napari::elements
