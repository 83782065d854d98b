// naparicudaconvert's road from CUDA memory to CUDA memory: one kernel on a stream of its own, into buffers of its own, in the
// context that the input's memory is of. What it hands out is complete. Threads: [stream], but `interrupt` and `resume`.
// Ownership: owns stream, kernel and buffers; buffers may outlive it.
#pragma once

#include <memory>

#include <gst/video/video.h>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {

class CudaRoad {
 public:
  struct Output {
    GstCaps* caps;  // borrowed
    const GstVideoInfo& info;
    engine::VideoLayout layout;
  };

  // A buffer of `output` with the picture of `in`, without metas but its own.
  [[nodiscard]] gstx::Result<gstx::Ref<GstBuffer>> convert(GstBuffer* in,
                                                           const GstVideoInfo& in_info,
                                                           const Output& output,
                                                           const engine::ConvertOptions& options);
  void interrupt() { buffers_.interrupt(); }  // [any]
  void resume() { buffers_.resume(); }        // [any]
  void reset();

 private:
  // The kernel and the stream in `context`; made anew when it is another one.
  [[nodiscard]] gstx::Result<void> enter(const engine::CudaContextPtr& context);

  std::unique_ptr<engine::CudaStream> stream_;
  std::unique_ptr<engine::CudaConverter> converter_;
  engine::CudaBuffers buffers_;
};

}  // namespace napari::elements
