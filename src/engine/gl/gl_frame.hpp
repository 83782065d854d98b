// The frames of one GL drawer: RGBA codes in storage buffers of the GPU, from a bounded pool. What they need to be read, converted
// and copied is shared by all of them (GlFrames) and lives as long as the last one: a frame may outlive its drawer.
// Threads: as tagged; a frame is let go on any thread but gl, which neither runs GL nor blocks there, unless it is the last one of a
// drawer that is gone: that ends the gl thread. Once the GPU hangs or loses its context every frame of it fails, at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/gl/buffer_pool.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_download.hpp"
#include "engine/gl/gl_program.hpp"
#include "engine/gl/video_shader.hpp"
#include "engine/gpu_frame.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// At once out of one drawer. Sources, a picture shown for each, and queues between elements hold a few.
inline constexpr std::size_t kGlFramesMax = 16;

class GlFrames : public std::enable_shared_from_this<GlFrames> {
 public:
  // Compiles what every conversion needs. [any but gl]
  [[nodiscard]] static gstx::Result<std::shared_ptr<GlFrames>> make(
      std::shared_ptr<GlContext> context);
  explicit GlFrames(std::shared_ptr<GlContext> context);
  GlFrames(const GlFrames&) = delete;
  GlFrames& operator=(const GlFrames&) = delete;
  ~GlFrames();  // [any but gl]

  // A frame of unspecified contents. [any but gl]
  [[nodiscard]] gstx::Result<GpuFramePtr> make_frame(data::CanvasSize size);

  // A buffer for a picture that goes to the CPU at once: there is one. [gl]
  [[nodiscard]] gstx::Result<BufferLease> take_still(data::CanvasSize size);
  // Reads the first `bytes` bytes of a buffer. [gl]
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read(GLuint buffer,
                                                                       std::size_t bytes);

  // Runs `task` on the gl thread, unless the GPU is lost; remembers where `task` finds that it is. [any but gl]
  [[nodiscard]] gstx::Result<void> run(const std::function<gstx::Result<void>()>& task);

  [[nodiscard]] const std::shared_ptr<GlContext>& context() const { return context_; }  // [any]
  [[nodiscard]] const BufferPool& codes() const { return *codes_; }                     // [any]

 private:
  friend class GlFrame;
  // What belongs to the gl thread.
  struct OnGpu {
    OnGpu(GlContext& context, BufferPool* mapped) : video(context), download(context, mapped) {}
    VideoShader video;
    GlDownload download;
    GlProgram place;  // compiled on first use
  };

  const std::shared_ptr<GlContext> context_;
  const std::shared_ptr<BufferPool> codes_;         // of frames
  const std::shared_ptr<BufferPool> stills_;        // one
  const std::shared_ptr<BufferPool> mapped_;        // for the CPU; null where GL cannot
  std::shared_ptr<OnGpu> gpu_;                      // [gl]
  gstx::Guarded<std::optional<gstx::Error>> lost_;  // [any]
};

class GlFrame final : public GpuFrame {
 public:
  GlFrame(std::shared_ptr<GlFrames> home, BufferLease codes, data::CanvasSize size)
      : home_(std::move(home)), codes_(std::move(codes)), size_(size) {}

  [[nodiscard]] data::CanvasSize size() const override { return size_; }
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read() override;
  [[nodiscard]] gstx::Result<void> write(std::span<const std::uint8_t> rgba,
                                         std::size_t stride_bytes, int width_px, int rows) override;
  [[nodiscard]] gstx::Result<MappedVideo> convert(VideoLayout layout, data::CanvasSize size,
                                                  const ConvertOptions& options) override;
  [[nodiscard]] int cuda_ordinal() const override;
  [[nodiscard]] gstx::Result<void> copy_to(const CudaRows& rows) override;

  [[nodiscard]] bool is_of(const GlFrames& frames) const {
    return home_.get() == &frames;
  }  // [any]
  // The buffer, to be drawn into: what was read of it before is forgotten. [gl]
  [[nodiscard]] GLuint begin_drawing();

 private:
  [[nodiscard]] std::size_t row_bytes() const {
    return static_cast<std::size_t>(size_.width_px) * 4;
  }
  [[nodiscard]] std::size_t bytes() const {
    return row_bytes() * static_cast<std::size_t>(size_.height_px);
  }
  [[nodiscard]] gstx::Result<void> place(const std::vector<std::uint8_t>& rgba, int width_px,
                                         int rows);                         // [gl]
  [[nodiscard]] gstx::Result<CudaGlBuffer*> cuda_copy(void* cuda_context);  // [gl]

  const std::shared_ptr<GlFrames> home_;
  const BufferLease codes_;
  const data::CanvasSize size_;
  std::shared_ptr<const std::uint8_t> pixels_;  // [gl] once read
};

}  // namespace napari::engine
