#include "eglsrc/picture_wrap.hpp"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

using engine::MemoryKind;
using gstx::ErrorCode;

// Of this process, found out when the first source starts.
const gstx::Result<void>& cuda_here() {
  static const gstx::Result<void> loaded = engine::load_cuda();
  return loaded;
}

// What a frame's own methods fail with.
WrapError frame_error(gstx::Error error) {
  const bool lost = error.code == ErrorCode::internal || error.code == ErrorCode::unavailable;
  return {lost ? WrapError::Kind::lost : WrapError::Kind::fatal, std::move(error)};
}

template <typename T>
void let_go(gpointer data) noexcept {
  delete static_cast<T*>(data);
}

}  // namespace

void PictureWrap::start(std::string device, bool draws_on_gpu) {
  static_cast<void>(cuda_here());
  device_ = std::move(device);
  on_gpu_ = draws_on_gpu;
  frames_reach_cuda_ = true;
  cuda_refused_ = false;
}

void PictureWrap::stop() {
  stream_.reset();
  buffers_.reset();
  current_.reset();
  context_.release();
  caps_.reset();
}

// --- what can be given ---

std::vector<MemoryKind> PictureWrap::kinds() const {
  const bool cuda = cuda_here() && !cuda_refused_;
  std::vector<MemoryKind> kinds;
  if (on_gpu_ && cuda && frames_reach_cuda_) kinds.push_back(MemoryKind::cuda);
  if (on_gpu_) kinds.push_back(MemoryKind::gpu_frame);
  kinds.push_back(MemoryKind::system);
  if (cuda && kinds.front() != MemoryKind::cuda) kinds.push_back(MemoryKind::cuda);
  return kinds;
}

gstx::Error PictureWrap::why_not(MemoryKind kind) const {
  if (kind == MemoryKind::gpu_frame)
    return {ErrorCode::unsupported, "memory:NapariGpuFrame: the pictures are drawn by the CPU"};
  const gstx::Error reason = cuda_here() ? refusal_.copy() : cuda_here().error();
  return {reason.code, fmt::format("memory:CUDAMemory: {}", reason.message)};
}

bool PictureWrap::note(const engine::Picture& picture) {
  const bool on_gpu = picture.frame != nullptr;
  bool changed = on_gpu_.exchange(on_gpu) != on_gpu;
  if (on_gpu && cuda_here()) {
    const bool reach = picture.frame->cuda_ordinal() >= 0;
    changed = (frames_reach_cuda_.exchange(reach) != reach) || changed;
  }
  return changed;
}

void PictureWrap::set_caps(GstCaps* caps, const GstVideoInfo& info) {
  caps_ = gstx::Ref<GstCaps>::retain(caps);
  info_ = info;
  kind_ = engine::memory_kind_of(caps);
}

// --- buffers ---

PictureWrap::Wrapped PictureWrap::wrap(const engine::PicturePtr& picture) {
  if (kind_ == MemoryKind::cuda) return wrap_in_cuda(*picture);
  if (kind_ == MemoryKind::gpu_frame && picture->frame != nullptr)
    return BufferRef::adopt(engine::make_gpu_buffer(picture->frame));
  return wrap_pixels(picture);
}

PictureWrap::Wrapped PictureWrap::wrap_pixels(const engine::PicturePtr& picture) const {
  using Pixels = std::shared_ptr<const std::uint8_t>;
  auto pixels = engine::pixels_of(*picture);
  if (!pixels) return tl::make_unexpected(frame_error(std::move(pixels).error()));
  const auto row_bytes = static_cast<std::size_t>(picture->size.width_px) * 4;
  const auto rows = static_cast<std::size_t>(picture->size.height_px);
  const std::uint8_t* const first = pixels->get();
  if (picture->stride_bytes == row_bytes) {
    // The pixels stay where they are; the last buffer that shows them lets go.
    const std::size_t bytes = row_bytes * rows;
    return BufferRef::adopt(gst_buffer_new_wrapped_full(
        GST_MEMORY_FLAG_READONLY, const_cast<std::uint8_t*>(first), bytes, 0, bytes,
        new Pixels(std::move(*pixels)), let_go<Pixels>));
  }
  auto buffer = BufferRef::adopt(gst_buffer_new_allocate(nullptr, row_bytes * rows, nullptr));
  for (std::size_t row = 0; row < rows; ++row)
    gst_buffer_fill(buffer.get(), row * row_bytes, first + row * picture->stride_bytes, row_bytes);
  return buffer;
}

// --- CUDA ---

WrapError PictureWrap::refuse_cuda(gstx::Error error) {
  if (error.code == ErrorCode::failed_precondition)
    return {WrapError::Kind::interrupted, std::move(error)};
  refusal_.with([&](gstx::Error& refusal) { refusal = error; });
  cuda_refused_ = true;
  return {WrapError::Kind::cuda, std::move(error)};
}

gstx::Result<void> PictureWrap::enter_cuda(int ordinal) {
  int wanted = ordinal;
  if (wanted < 0) {
    GSTX_ASSIGN_OR_RETURN(wanted, engine::resolve_device(device_));
  }
  GSTX_ASSIGN_OR_RETURN(auto context, context_.ensure(wanted));
  if (stream_ != nullptr && stream_->context() == context.get()) return {};
  stream_.reset();
  GSTX_ASSIGN_OR_RETURN(stream_, engine::CudaStream::make(context));
  current_ = std::move(context);
  return {};
}

PictureWrap::Wrapped PictureWrap::wrap_in_cuda(const engine::Picture& picture) {
  const int ordinal = picture.frame != nullptr ? picture.frame->cuda_ordinal() : -1;
  if (auto entered = enter_cuda(ordinal); !entered)
    return tl::make_unexpected(refuse_cuda(std::move(entered).error()));
  auto buffer = buffers_.take(current_, caps_.get());
  if (!buffer) return tl::make_unexpected(refuse_cuda(std::move(buffer).error()));
  auto filled =
      ordinal >= 0 ? copy_frame(*picture.frame, buffer->get()) : upload(picture, buffer->get());
  if (!filled) return tl::make_unexpected(std::move(filled).error());
  return std::move(*buffer);
}

tl::expected<void, WrapError> PictureWrap::copy_frame(engine::GpuFrame& frame, GstBuffer* buffer) {
  const auto refused = [this](gstx::Error error) {
    return tl::make_unexpected(refuse_cuda(std::move(error)));
  };
  const engine::MappedCuda mapped(info_, buffer, engine::CudaAccess::write);
  if (!mapped) return refused({ErrorCode::internal, "CUDA memory could not be mapped"});
  auto copied = frame.copy_to({.context = current_.get(),
                               .pointer = mapped.planes().pointer[0],
                               .stride_bytes = mapped.planes().stride_bytes[0],
                               .stream = stream_->handle()});
  if (!copied) {
    WrapError failed = frame_error(std::move(copied).error());
    if (failed.kind == WrapError::Kind::lost) return tl::make_unexpected(std::move(failed));
    return refused({ErrorCode::unsupported, std::move(failed.error.message)});
  }
  // Whoever comes next knows nothing of this stream.
  if (auto done = stream_->synchronize(); !done) return refused(std::move(done).error());
  return {};
}

// Through the buffer's own copy in CPU memory: whoever maps it for the GPU uploads it then.
tl::expected<void, WrapError> PictureWrap::upload(const engine::Picture& picture,
                                                  GstBuffer* buffer) const {
  auto pixels = engine::pixels_of(picture);
  if (!pixels) return tl::make_unexpected(frame_error(std::move(pixels).error()));
  gstx::MappedFrame mapped(info_, buffer, GST_MAP_WRITE);
  if (!mapped)
    return tl::make_unexpected(
        WrapError{WrapError::Kind::fatal,
                  {ErrorCode::unavailable, "CUDA memory could not be mapped for the CPU"}});
  auto* const to = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped.frame(), 0));
  const auto stride = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&mapped.frame(), 0));
  const auto row_bytes = static_cast<std::size_t>(picture.size.width_px) * 4;
  for (std::size_t row = 0; row < static_cast<std::size_t>(picture.size.height_px); ++row)
    std::memcpy(to + row * stride, pixels->get() + row * picture.stride_bytes, row_bytes);
  return {};
}

}  // namespace napari::elements
