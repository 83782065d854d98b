// GStreamer's CUDA memory for our elements: an element's share of a GstCudaContext, pools of buffers, their mapping for the GPU, a
// stream to work on. Not the copy of a GPU picture (GpuFrame::copy_to) nor the kernel (CudaConverter). A build without cuda.h has
// these functions too; they then say so, as load_cuda does. GStreamer 1.22 keeps no stream in a buffer: whoever hands one on has
// waited for its own. Threads: as tagged; the rest belongs to one streaming thread. Ownership: each class owns what it makes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include <gst/gst.h>
#include <gst/video/video.h>

#include "engine/cuda/cuda_converter.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

using CudaContextPtr = std::shared_ptr<GstCudaContext>;

// The context an element uses: the one its neighbours, its bins or the application have, else a new one that they are told of.
class CudaContextSlot {
 public:
  explicit CudaContextSlot(GstElement* element) : element_(element) {}
  CudaContextSlot(const CudaContextSlot&) = delete;
  CudaContextSlot& operator=(const CudaContextSlot&) = delete;
  ~CudaContextSlot() { release(); }

  // [stream] `ordinal`: the device it has to be on; below 0: whichever there is. Never with a lock held: it asks the neighbours.
  [[nodiscard]] gstx::Result<CudaContextPtr> ensure(int ordinal);
  void offer(GstContext* context);             // [any] of the element's set_context
  [[nodiscard]] bool answer(GstQuery* query);  // [any] true: it was a CONTEXT query for ours
  void release();                              // [state change]

 private:
  GstElement* const element_;
  std::mutex mutex_;
  int ordinal_{-1};
  GstCudaContext* slot_{nullptr};  // where GStreamer's functions put what they find
  CudaContextPtr context_;
};

// The context of the CUDA memory that `buffer` consists of; null for any other memory. [any]
[[nodiscard]] CudaContextPtr cuda_context_of(GstBuffer* buffer);

// A pool of buffers of CUDA memory for `caps`, configured and not yet active: what an element proposes upstream.
[[nodiscard]] gstx::Result<gstx::Ref<GstBufferPool>> make_cuda_pool(const CudaContextPtr& context,
                                                                    GstCaps* caps,
                                                                    guint buffers_max);

// The buffers that an element hands out itself: kBuffersMax of one context and caps. Buffers may outlive it.
class CudaBuffers {
 public:
  static constexpr guint kBuffersMax = 16;

  CudaBuffers() = default;
  CudaBuffers(const CudaBuffers&) = delete;
  CudaBuffers& operator=(const CudaBuffers&) = delete;
  ~CudaBuffers() { reset(); }

  // [stream] A buffer for `caps` in memory of `context`. Waits while all are held downstream; `failed_precondition` after
  // `interrupt`.
  [[nodiscard]] gstx::Result<gstx::Ref<GstBuffer>> take(const CudaContextPtr& context,
                                                        GstCaps* caps);
  void interrupt();  // [any] `take` fails at once, until `resume`
  void resume();     // [any]
  void reset();      // [any] lets go of the pool

 private:
  [[nodiscard]] gstx::Result<gstx::Ref<GstBufferPool>> pool_for(const CudaContextPtr& context,
                                                                GstCaps* caps);
  std::mutex mutex_;
  bool interrupted_{false};
  gstx::Ref<GstBufferPool> pool_;
  gstx::Ref<GstCaps> caps_;
  CudaContextPtr context_;
};

enum class CudaAccess { read, write };

struct CudaPlanes {
  std::array<std::uint64_t, 3> pointer{};  // CUdeviceptr
  std::array<std::size_t, 3> stride_bytes{};
};

// A buffer of CUDA memory, mapped for the GPU: what was written through a CPU map is uploaded first, and what is written here is
// downloaded when the CPU maps it next. Empty where it could not be mapped.
class MappedCuda {
 public:
  MappedCuda(const GstVideoInfo& info, GstBuffer* buffer, CudaAccess access);
  ~MappedCuda();
  MappedCuda(const MappedCuda&) = delete;
  MappedCuda& operator=(const MappedCuda&) = delete;

  [[nodiscard]] explicit operator bool() const { return mapped_; }
  [[nodiscard]] const CudaPlanes& planes() const { return planes_; }

 private:
  GstVideoFrame frame_{};
  CudaPlanes planes_;
  bool mapped_{false};
};

// A stream of one context. Ordered after the context's default stream, on which stock elements may have left work.
class CudaStream {
 public:
  [[nodiscard]] static gstx::Result<std::unique_ptr<CudaStream>> make(CudaContextPtr context);
  ~CudaStream();
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  [[nodiscard]] void* handle() const { return handle_; }  // CUstream
  [[nodiscard]] GstCudaContext* context() const { return context_.get(); }
  [[nodiscard]] gstx::Result<void> synchronize();  // waits for what was put on it

 private:
  CudaStream(CudaContextPtr context, void* handle)
      : context_(std::move(context)), handle_(handle) {}
  CudaContextPtr context_;
  void* handle_;
};

}  // namespace napari::engine
