// How a picture becomes a buffer of the memory that was negotiated: the picture's own memory where it can stay, a copy in CUDA
// memory, or pixels read back from the GPU. Says which kinds of memory a source can give now, and why not another.
// Threads: `kinds`, `why_not`, `interrupt`, `resume` and the context's calls [any]; start and stop on the state-change thread; the
// rest [stream]. Ownership: owns CUDA stream and buffers; buffers keep their picture and may outlive it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gst/video/video.h>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/thread.hpp"

namespace napari::elements {

struct WrapError {
  enum class Kind {
    interrupted,
    lost,  // the picture's back end is gone: leave it out, the next one is drawn by another
    cuda,  // no CUDA memory from here on: negotiate another kind
    fatal,
  };
  Kind kind{Kind::fatal};
  gstx::Error error;
};

class PictureWrap {
 public:
  using BufferRef = gstx::Ref<GstBuffer>;

  explicit PictureWrap(GstElement* element) : context_(element) {}
  PictureWrap(const PictureWrap&) = delete;
  PictureWrap& operator=(const PictureWrap&) = delete;
  ~PictureWrap() = default;

  // `device` is where CUDA memory for pictures of the CPU lies; `draws_on_gpu` what is expected of the first picture.
  void start(std::string device, bool draws_on_gpu);
  void stop();
  void interrupt() { buffers_.interrupt(); }
  void resume() { buffers_.resume(); }

  [[nodiscard]] std::vector<engine::MemoryKind> kinds() const;  // best first
  // Why `kind` is not among them.
  [[nodiscard]] gstx::Error why_not(engine::MemoryKind kind) const;

  void set_caps(GstCaps* caps, const GstVideoInfo& info);
  // Looks at a picture before it is wrapped; true: `kinds` has changed, so negotiate again.
  [[nodiscard]] bool note(const engine::Picture& picture);
  [[nodiscard]] tl::expected<BufferRef, WrapError> wrap(const engine::PicturePtr& picture);

  [[nodiscard]] engine::CudaContextSlot& context() { return context_; }

 private:
  using Wrapped = tl::expected<BufferRef, WrapError>;
  [[nodiscard]] Wrapped wrap_pixels(const engine::PicturePtr& picture) const;
  [[nodiscard]] Wrapped wrap_in_cuda(const engine::Picture& picture);
  [[nodiscard]] gstx::Result<void> enter_cuda(int ordinal);
  [[nodiscard]] tl::expected<void, WrapError> upload(const engine::Picture& picture,
                                                     GstBuffer* buffer) const;
  [[nodiscard]] tl::expected<void, WrapError> copy_frame(engine::GpuFrame& frame,
                                                         GstBuffer* buffer);
  WrapError refuse_cuda(gstx::Error error);

  std::atomic<bool> on_gpu_{false};
  std::atomic<bool> frames_reach_cuda_{true};  // else they would be read back and uploaded again
  std::atomic<bool> cuda_refused_{false};
  gstx::Guarded<gstx::Error> refusal_;
  engine::CudaContextSlot context_;
  engine::CudaBuffers buffers_;

  // [stream]
  std::string device_;
  engine::MemoryKind kind_{engine::MemoryKind::system};
  gstx::Ref<GstCaps> caps_;
  GstVideoInfo info_{};
  engine::CudaContextPtr current_;
  std::unique_ptr<engine::CudaStream> stream_;
};

}  // namespace napari::elements
