// What naparicudaconvert does, without its GObject: one picture in, one out, by the road that the memory on both sides asks for.
//   system → system      SIMD, into a buffer of the base class's
//   GPU picture → system the frame converts itself; its mapped planes are the output, without a copy
//   CUDA → CUDA          a kernel (CudaRoad)
// Threads: start and stop on the state-change thread, settings and `interrupt` [any], the rest [stream].
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <gst/video/video.h>

#include "cudaconvert/cuda_road.hpp"
#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {

class PictureConvert {
 public:
  using BufferRef = gstx::Ref<GstBuffer>;
  struct Side {
    GstCaps* caps;
    const GstVideoInfo& info;
  };

  void start();
  void stop();
  void interrupt() { cuda_.interrupt(); }
  void resume() { cuda_.resume(); }

  [[nodiscard]] gstx::Result<void> set_caps(const Side& in, const Side& out);
  void set_takes_video_meta(bool takes) { takes_video_meta_ = takes; }
  [[nodiscard]] engine::MemoryKind input_kind() const { return in_kind_; }

  // Whether `make_output` gives the buffers, and not the base class.
  [[nodiscard]] bool makes_output() const { return in_kind_ != engine::MemoryKind::system; }
  [[nodiscard]] gstx::Result<BufferRef> make_output(GstBuffer* in);
  // Whether an error of `make_output` is that of a GPU picture whose back end is gone: the next one will be drawn by another.
  [[nodiscard]] bool is_lost_picture(const gstx::Error& error) const;

  [[nodiscard]] gstx::Result<void> convert(GstVideoFrame& in, GstVideoFrame& out);

  // The output keeps its size once a picture has left: what follows (encoder, SPS, decoder) never sees the drawn one.
  [[nodiscard]] std::optional<data::CanvasSize> kept_size() const { return kept_size_; }

  std::atomic<bool> flip{false};
  std::atomic<int> threads{0};

 private:
  [[nodiscard]] gstx::Result<BufferRef> convert_frame(engine::GpuFrame& frame, GstBuffer* in);
  [[nodiscard]] gstx::Result<BufferRef> wrap(const engine::MappedVideo& video) const;
  [[nodiscard]] gstx::Result<BufferRef> convert_mapped(GstBuffer* in);

  std::unique_ptr<engine::ColorConverter> converter_;
  CudaRoad cuda_;
  engine::ConvertOptions options_;
  engine::MemoryKind in_kind_{engine::MemoryKind::system};
  gstx::Ref<GstCaps> out_caps_;
  GstVideoInfo in_info_{};
  GstVideoInfo out_info_{};
  bool takes_video_meta_{false};
  std::optional<data::CanvasSize> kept_size_;
};

}  // namespace napari::elements
