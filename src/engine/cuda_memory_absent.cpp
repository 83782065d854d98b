#include "engine/cuda_memory.hpp"

// For a build without cuda.h: load_cuda says what was left out, and so does everything here.
namespace napari::engine {
namespace {

[[nodiscard]] tl::unexpected<gstx::Error> left_out() {
  const gstx::Result<void> loaded = load_cuda();
  if (!loaded) return gstx::fail(loaded.error());
  return gstx::fail(gstx::ErrorCode::unsupported, "this build has no CUDA");
}

}  // namespace

gstx::Result<CudaContextPtr> CudaContextSlot::ensure(int) { return left_out(); }
void CudaContextSlot::offer(GstContext*) {}
bool CudaContextSlot::answer(GstQuery*) { return false; }
void CudaContextSlot::release() {}

CudaContextPtr cuda_context_of(GstBuffer*) { return nullptr; }

gstx::Result<gstx::Ref<GstBufferPool>> make_cuda_pool(const CudaContextPtr&, GstCaps*, guint) {
  return left_out();
}

gstx::Result<gstx::Ref<GstBuffer>> CudaBuffers::take(const CudaContextPtr&, GstCaps*) {
  return left_out();
}
void CudaBuffers::interrupt() {}
void CudaBuffers::resume() {}
void CudaBuffers::reset() {}

MappedCuda::MappedCuda(const GstVideoInfo&, GstBuffer*, CudaAccess) {}
MappedCuda::~MappedCuda() = default;

gstx::Result<std::unique_ptr<CudaStream>> CudaStream::make(CudaContextPtr) { return left_out(); }
CudaStream::~CudaStream() = default;
gstx::Result<void> CudaStream::synchronize() { return left_out(); }

}  // namespace napari::engine
