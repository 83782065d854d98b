#include "engine/cuda_memory.hpp"

#include <utility>

#include <fmt/format.h>

#include "engine/cuda/gst_cuda.hpp"

// After gst_cuda.hpp, which says that we know this interface to be unstable.
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudamemory.h>
#include <gst/cuda/gstcudautils.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;

CudaContextPtr share(GstCudaContext* context) {
  return {static_cast<GstCudaContext*>(gst_object_ref(context)),
          [](GstCudaContext* last) { gst_object_unref(last); }};
}

int ordinal_of(GstCudaContext* context) {
  guint ordinal = 0;
  g_object_get(context, "cuda-device-id", &ordinal, nullptr);
  return static_cast<int>(ordinal);
}

}  // namespace

// --- CudaContextSlot ---

gstx::Result<CudaContextPtr> CudaContextSlot::ensure(int ordinal) {
  GSTX_TRY(load_cuda());
  {
    const std::lock_guard lock(mutex_);
    ordinal_ = ordinal;
    const bool fits = slot_ != nullptr && (ordinal < 0 || ordinal_of(slot_) == ordinal);
    if (fits && context_ == nullptr) context_ = share(slot_);
    if (fits) return context_;
    context_.reset();
    g_clear_pointer(&slot_, gst_object_unref);
  }
  // Without the lock: it queries the neighbours, who may be asking this element in another thread.
  const bool made = gst_cuda_ensure_element_context(element_, ordinal, &slot_) != FALSE;
  const std::lock_guard lock(mutex_);
  if (!made || slot_ == nullptr)
    return fail(
        ErrorCode::unavailable,
        fmt::format("no CUDA context could be made on device {}: the device does not exist, "
                    "is used exclusively or has no memory left",
                    ordinal < 0 ? 0 : ordinal));
  context_ = share(slot_);
  return context_;
}

void CudaContextSlot::offer(GstContext* context) {
  const std::lock_guard lock(mutex_);
  gst_cuda_handle_set_context(element_, context, ordinal_, &slot_);
}

bool CudaContextSlot::answer(GstQuery* query) {
  if (GST_QUERY_TYPE(query) != GST_QUERY_CONTEXT) return false;
  const std::lock_guard lock(mutex_);
  return context_ != nullptr &&
         gst_cuda_handle_context_query(element_, query, context_.get()) != FALSE;
}

void CudaContextSlot::release() {
  const std::lock_guard lock(mutex_);
  context_.reset();
  g_clear_pointer(&slot_, gst_object_unref);
}

// --- buffers ---

CudaContextPtr cuda_context_of(GstBuffer* buffer) {
  if (gst_buffer_n_memory(buffer) != 1) return nullptr;
  GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
  if (gst_is_cuda_memory(memory) == FALSE) return nullptr;
  return share(GST_CUDA_MEMORY_CAST(memory)->context);
}

gstx::Result<gstx::Ref<GstBufferPool>> make_cuda_pool(const CudaContextPtr& context, GstCaps* caps,
                                                      guint buffers_max) {
  gst_cuda_memory_init_once();
  auto pool = gstx::Ref<GstBufferPool>::adopt(gst_cuda_buffer_pool_new(context.get()));
  GstStructure* config = gst_buffer_pool_get_config(pool.get());
  // The size is the pool's business: it knows the pitch of the device.
  gst_buffer_pool_config_set_params(config, caps, 0, 0, buffers_max);
  gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (gst_buffer_pool_set_config(pool.get(), config) != FALSE) return pool;
  char* text = gst_caps_to_string(caps);
  auto failed =
      fail(ErrorCode::unavailable, fmt::format("the GPU has no memory for a picture of {}", text));
  g_free(text);
  return failed;
}

gstx::Result<gstx::Ref<GstBufferPool>> CudaBuffers::pool_for(const CudaContextPtr& context,
                                                             GstCaps* caps) {
  const std::lock_guard lock(mutex_);
  if (interrupted_) return fail(ErrorCode::failed_precondition, "interrupted");
  if (pool_ && context_.get() == context.get() && gst_caps_is_equal(caps_.get(), caps) != FALSE)
    return pool_;
  if (pool_) gst_buffer_pool_set_active(pool_.get(), FALSE);
  pool_ = {};
  GSTX_ASSIGN_OR_RETURN(auto pool, make_cuda_pool(context, caps, kBuffersMax));
  if (gst_buffer_pool_set_active(pool.get(), TRUE) == FALSE)
    return fail(ErrorCode::unavailable, "the GPU has no memory for another picture");
  pool_ = std::move(pool);
  caps_ = gstx::Ref<GstCaps>::retain(caps);
  context_ = context;
  return pool_;
}

gstx::Result<gstx::Ref<GstBuffer>> CudaBuffers::take(const CudaContextPtr& context, GstCaps* caps) {
  // Waits without the lock: `interrupt` is what ends it.
  GSTX_ASSIGN_OR_RETURN(const auto pool, pool_for(context, caps));
  GstBuffer* buffer = nullptr;
  const GstFlowReturn taken = gst_buffer_pool_acquire_buffer(pool.get(), &buffer, nullptr);
  if (taken == GST_FLOW_OK) return gstx::Ref<GstBuffer>::adopt(buffer);
  if (taken == GST_FLOW_FLUSHING) return fail(ErrorCode::failed_precondition, "interrupted");
  return fail(ErrorCode::unavailable, "the GPU has no memory for another picture");
}

void CudaBuffers::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  if (pool_) gst_buffer_pool_set_flushing(pool_.get(), TRUE);
}

void CudaBuffers::resume() {
  const std::lock_guard lock(mutex_);
  interrupted_ = false;
  if (pool_) gst_buffer_pool_set_flushing(pool_.get(), FALSE);
}

void CudaBuffers::reset() {
  const std::lock_guard lock(mutex_);
  if (pool_) gst_buffer_pool_set_active(pool_.get(), FALSE);
  pool_ = {};
  caps_ = {};
  context_.reset();
}

MappedCuda::MappedCuda(const GstVideoInfo& info, GstBuffer* buffer, CudaAccess access) {
  const int flags = (access == CudaAccess::read ? GST_MAP_READ : GST_MAP_WRITE) | GST_MAP_CUDA;
  mapped_ = gst_video_frame_map(&frame_, &info, buffer, static_cast<GstMapFlags>(flags)) != FALSE;
  if (!mapped_) return;
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame_) && plane < 3; ++plane) {
    planes_.pointer[plane] =
        reinterpret_cast<std::uintptr_t>(GST_VIDEO_FRAME_PLANE_DATA(&frame_, plane));
    planes_.stride_bytes[plane] =
        static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&frame_, plane));
  }
}

MappedCuda::~MappedCuda() {
  if (mapped_) gst_video_frame_unmap(&frame_);
}

// --- CudaStream ---

gstx::Result<std::unique_ptr<CudaStream>> CudaStream::make(CudaContextPtr context) {
  const PushedCudaContext current(context.get());
  GSTX_TRY(current.check());
  CUstream stream = nullptr;
  GSTX_TRY(check_cuda(CuStreamCreate(&stream, CU_STREAM_DEFAULT), "making a CUDA stream"));
  return std::unique_ptr<CudaStream>(new CudaStream(std::move(context), stream));
}

CudaStream::~CudaStream() {
  const PushedCudaContext current(context_.get());
  if (current) CuStreamDestroy(static_cast<CUstream>(handle_));
}

gstx::Result<void> CudaStream::synchronize() {
  const PushedCudaContext current(context_.get());
  GSTX_TRY(current.check());
  return check_cuda(CuStreamSynchronize(static_cast<CUstream>(handle_)),
                    "waiting for a CUDA stream");
}

}  // namespace napari::engine
