#include "engine/gl/gl_frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/gl/gl_fence.hpp"
#include "engine/video_plan.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kMappedMax = 12;
constexpr std::size_t kMappedBytesMax = 512 * kMiB;
constexpr std::size_t kCudaContextsMax = 2;  // that one buffer is registered with

std::size_t frame_bytes_max(const GlContext& context) {
  if (context.info().software || context.limits().memory_bytes == 0) return 1024 * kMiB;
  return std::max(context.limits().memory_bytes / 8, 64 * kMiB);
}

gstx::Result<std::size_t> bytes_of(data::CanvasSize size, const GlContext& context) {
  if (size.width_px < 1 || size.height_px < 1 || size.width_px > kVideoExtentMax ||
      size.height_px > kVideoExtentMax) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("a frame of {} x {} is not within 1..{}", size.width_px,
                                  size.height_px, kVideoExtentMax));
  }
  const std::size_t bytes =
      static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px) * 4;
  if (bytes > context.limits().storage_bytes) {
    return gstx::fail(
        ErrorCode::unsupported,
        fmt::format("a picture of {} x {} exceeds this device's largest storage buffer, {} bytes",
                    size.width_px, size.height_px, context.limits().storage_bytes));
  }
  return bytes;
}

}  // namespace

GlFrames::GlFrames(std::shared_ptr<GlContext> context)
    : context_(std::move(context)),
      codes_(std::make_shared<BufferPool>(
          context_, BufferKind::device,
          BufferPool::Bounds{kGlFramesMax, frame_bytes_max(*context_)})),
      stills_(std::make_shared<BufferPool>(context_, BufferKind::device,
                                           BufferPool::Bounds{1, frame_bytes_max(*context_)})),
      mapped_(context_->limits().persistent_mapping
                  ? std::make_shared<BufferPool>(context_, BufferKind::mapped,
                                                 BufferPool::Bounds{kMappedMax, kMappedBytesMax})
                  : nullptr) {}

GlFrames::~GlFrames() {
  if (gpu_ == nullptr) return;
  auto last = std::make_shared<std::shared_ptr<OnGpu>>(std::move(gpu_));
  context_->post([last] { last->reset(); });
}

gstx::Result<std::shared_ptr<GlFrames>> GlFrames::make(std::shared_ptr<GlContext> context) {
  auto frames = std::make_shared<GlFrames>(std::move(context));
  gstx::Result<void> ready;
  frames->context_->run([&] {
    frames->gpu_ = std::make_shared<OnGpu>(*frames->context_, frames->mapped_.get());
    ready = frames->gpu_->video.warm_up();
    if (ready) ready = frames->context_->check("compiling shaders");
  });
  GSTX_TRY(ready);
  return frames;
}

gstx::Result<void> GlFrames::run(const std::function<gstx::Result<void>()>& task) {
  // Asked here too, since the gl thread may hang in what ends it.
  if (const auto lost = lost_.copy()) return gstx::fail(*lost);
  gstx::Result<void> result;
  context_->run([&] {
    if (const auto lost = lost_.copy()) {
      result = gstx::fail(*lost);
      return;
    }
    result = task();
    // What hung or was lost stays so: nobody else shall wait for it.
    if (!result && is_gpu_lost(result.error()))
      lost_.with([&](auto& lost) { lost = result.error(); });
  });
  return result;
}

gstx::Result<GpuFramePtr> GlFrames::make_frame(data::CanvasSize size) {
  GSTX_ASSIGN_OR_RETURN(const std::size_t bytes, bytes_of(size, *context_));
  BufferLease lease = codes_->try_take(bytes);
  if (!lease) {
    const auto taken = run([&]() -> gstx::Result<void> {
      GSTX_ASSIGN_OR_RETURN(lease, codes_->take(bytes));
      return {};
    });
    GSTX_TRY(taken);
  }
  return std::make_shared<GlFrame>(shared_from_this(), std::move(lease), size);
}

gstx::Result<BufferLease> GlFrames::take_still(data::CanvasSize size) {
  GSTX_ASSIGN_OR_RETURN(const std::size_t bytes, bytes_of(size, *context_));
  return stills_->take(bytes);
}

gstx::Result<std::shared_ptr<const std::uint8_t>> GlFrames::read(GLuint buffer, std::size_t bytes) {
  return gpu_->download.fetch(bytes, "reading a picture", [&](GLuint readable) {
    glBindBuffer(GL_COPY_READ_BUFFER, buffer);
    glBindBuffer(GL_COPY_WRITE_BUFFER, readable);
    glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0,
                        static_cast<GLsizeiptr>(bytes));
    return gstx::Result<void>();
  });
}

gstx::Result<std::shared_ptr<const std::uint8_t>> GlFrame::read() {
  std::shared_ptr<const std::uint8_t> pixels;
  const auto done = home_->run([&]() -> gstx::Result<void> {
    if (pixels_ == nullptr) {
      GSTX_ASSIGN_OR_RETURN(pixels_, home_->read(codes_->buffer.get(), bytes()));
    }
    pixels = pixels_;
    return {};
  });
  GSTX_TRY(done);
  return pixels;
}

gstx::Result<void> GlFrame::write(std::span<const std::uint8_t> rgba, std::size_t stride_bytes,
                                  int width_px, int rows) {
  const auto row = static_cast<std::size_t>(std::max(width_px, 0)) * 4;
  if (width_px < 1 || rows < 1 || width_px > size_.width_px || rows > size_.height_px ||
      stride_bytes < row ||
      rgba.size() < stride_bytes * (static_cast<std::size_t>(rows) - 1) + row) {
    return gstx::fail(
        ErrorCode::invalid_argument,
        fmt::format("{} x {} px in {} bytes, rows {} apart, cannot be written to {} x {}", width_px,
                    rows, rgba.size(), stride_bytes, size_.width_px, size_.height_px));
  }
  std::vector<std::uint8_t> tight(row * static_cast<std::size_t>(rows));
  for (std::size_t y = 0; y < static_cast<std::size_t>(rows); ++y)
    std::memcpy(tight.data() + y * row, rgba.data() + y * stride_bytes, row);
  return home_->run([&] { return place(tight, width_px, rows); });
}

// By a shader, in one go, and not by a copy command a row.
gstx::Result<void> GlFrame::place(const std::vector<std::uint8_t>& rgba, int width_px, int rows) {
  constexpr int kGroupWidth = 32;  // of place.comp
  constexpr int kGroupHeight = 8;
  pixels_.reset();
  GlProgram& shader = home_->gpu_->place;
  if (!shader) {
    GSTX_ASSIGN_OR_RETURN(shader, GlProgram::compile("place.comp", {}));
  }
  const GlBuffer staged = GlBuffer::make();
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, codes_->buffer.get());
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 1, staged.get());
  glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(rgba.size()), rgba.data(),
               GL_STREAM_DRAW);
  shader.use();
  glUniform2i(0, width_px, rows);
  glUniform1i(1, size_.width_px);
  glDispatchCompute(static_cast<GLuint>((width_px + kGroupWidth - 1) / kGroupWidth),
                    static_cast<GLuint>((rows + kGroupHeight - 1) / kGroupHeight), 1);
  glMemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT | GL_BUFFER_UPDATE_BARRIER_BIT);
  return home_->context()->check("writing to a picture");
}

gstx::Result<MappedVideo> GlFrame::convert(VideoLayout layout, data::CanvasSize size,
                                           const ConvertOptions& options) {
  GSTX_TRY(check_video_size(size_, layout, size));
  MappedVideo video = lay_video(layout, size);
  const auto done = home_->run([&]() -> gstx::Result<void> {
    GlFrames::OnGpu& gpu = *home_->gpu_;
    GSTX_ASSIGN_OR_RETURN(
        video.memory, gpu.download.fetch(video.bytes, "converting a picture", [&](GLuint planes) {
          return gpu.video.dispatch(codes_->buffer.get(), size_, planes, video, options);
        }));
    return {};
  });
  GSTX_TRY(done);
  return video;
}

int GlFrame::cuda_ordinal() const { return home_->context()->info().cuda_ordinal.value_or(-1); }

gstx::Result<CudaGlBuffer*> GlFrame::cuda_copy(void* cuda_context) {
  auto& copies = codes_->cuda;
  const auto found = std::ranges::find(copies, cuda_context, &PooledBuffer::CudaCopy::context);
  if (found != copies.end()) return found->buffer.get();
  // Contexts come and go with the elements that make them: the older registration keeps a dead one alive.
  if (copies.size() >= kCudaContextsMax) copies.erase(copies.begin());
  GSTX_ASSIGN_OR_RETURN(std::unique_ptr<CudaGlBuffer> made,
                        CudaGlBuffer::register_buffer(codes_->buffer.get(), cuda_context));
  copies.push_back({cuda_context, std::move(made)});
  return copies.back().buffer.get();
}

gstx::Result<void> GlFrame::copy_to(const CudaRows& rows) {
  if (cuda_ordinal() < 0) {
    return gstx::fail(ErrorCode::unsupported,
                      home_->context()->info().renderer + " is no device that CUDA can name");
  }
  if (rows.context == nullptr || rows.pointer == 0 || rows.stride_bytes < row_bytes()) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("CUDA rows {} bytes apart cannot take {} px, or there is no "
                                  "memory or context",
                                  rows.stride_bytes, size_.width_px));
  }
  return home_->run([&]() -> gstx::Result<void> {
    // CUDA would wait without a bound for drawing that hangs.
    GSTX_TRY(finish_gpu("copying a picture to CUDA"));
    auto copied = [&]() -> gstx::Result<void> {
      GSTX_ASSIGN_OR_RETURN(CudaGlBuffer* const copy, cuda_copy(rows.context));
      return copy->copy_to(rows, row_bytes(), static_cast<std::size_t>(size_.height_px));
    }();
    // What CUDA cannot do GL still may: the frame can be read.
    if (!copied && copied.error().code == ErrorCode::internal)
      return gstx::fail(ErrorCode::unsupported, copied.error().message);
    return copied;
  });
}

GLuint GlFrame::begin_drawing() {
  pixels_.reset();
  return codes_->buffer.get();
}

}  // namespace napari::engine
