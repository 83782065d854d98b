#include "cudaconvert/picture_convert.hpp"

#include <fmt/format.h>

#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

using engine::MemoryKind;
using gstx::ErrorCode;
using gstx::fail;

gstx::Result<engine::VideoLayout> layout_of(const GstVideoInfo& info) {
  switch (GST_VIDEO_INFO_FORMAT(&info)) {
    case GST_VIDEO_FORMAT_NV12:
      return engine::VideoLayout::nv12;
    case GST_VIDEO_FORMAT_I420:
      return engine::VideoLayout::i420;
    case GST_VIDEO_FORMAT_Y444:
      return engine::VideoLayout::y444;
    default:
      return fail(ErrorCode::internal, "an output format that the caps do not offer");
  }
}

bool has_layout_of(const engine::MappedVideo& video, const GstVideoInfo& info) {
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane)
    if (video.offset[plane] != GST_VIDEO_INFO_PLANE_OFFSET(&info, plane) ||
        video.stride_bytes[plane] !=
            static_cast<std::size_t>(GST_VIDEO_INFO_PLANE_STRIDE(&info, plane)))
      return false;
  return video.bytes >= GST_VIDEO_INFO_SIZE(&info);
}

}  // namespace

void PictureConvert::start() {
  const int wanted = threads > 0 ? threads.load() : data::core_budget().draw_threads;
  converter_ = std::make_unique<engine::ColorConverter>(wanted);
  kept_size_.reset();
  cuda_.resume();
}

void PictureConvert::stop() {
  converter_.reset();
  cuda_.reset();
  out_caps_.reset();
  in_kind_ = MemoryKind::system;
}

gstx::Result<void> PictureConvert::set_caps(const Side& in, const Side& out) {
  in_kind_ = MemoryKind::system;
  if (gst_caps_is_equal(in.caps, out.caps) != FALSE) return {};  // passes through
  const MemoryKind in_kind = engine::memory_kind_of(in.caps);
  if (in_kind == MemoryKind::cuda) {
    if (const auto cuda = engine::load_cuda(); !cuda)
      return fail(cuda.error().code,
                  fmt::format("memory:CUDAMemory cannot be converted: {}", cuda.error().message));
  }
  const GstVideoColorMatrix matrix = out.info.colorimetry.matrix;
  if (matrix != GST_VIDEO_COLOR_MATRIX_BT709 && matrix != GST_VIDEO_COLOR_MATRIX_BT601)
    return fail(ErrorCode::unsupported, "the colorimetry is neither bt709 nor bt601");
  options_.matrix = matrix == GST_VIDEO_COLOR_MATRIX_BT709 ? engine::ColorMatrix::bt709
                                                           : engine::ColorMatrix::bt601;
  options_.bottom_first = flip;
  in_kind_ = in_kind;
  in_info_ = in.info;
  out_info_ = out.info;
  out_caps_ = gstx::Ref<GstCaps>::retain(out.caps);
  return {};
}

gstx::Result<PictureConvert::BufferRef> PictureConvert::make_output(GstBuffer* in) {
  gstx::Result<BufferRef> out;
  if (in_kind_ == MemoryKind::cuda) {
    GSTX_ASSIGN_OR_RETURN(const engine::VideoLayout layout, layout_of(out_info_));
    out = cuda_.convert(in, in_info_, {out_caps_.get(), out_info_, layout}, options_);
  } else if (const engine::GpuFramePtr frame = engine::find_gpu_frame(in)) {
    out = convert_frame(*frame, in);
  } else {
    out = convert_mapped(in);  // made by another copy of this plug-in
  }
  if (out) kept_size_ = data::CanvasSize{out_info_.width, out_info_.height};
  return out;
}

bool PictureConvert::is_lost_picture(const gstx::Error& error) const {
  return in_kind_ == MemoryKind::gpu_frame &&
         (error.code == ErrorCode::internal || error.code == ErrorCode::unavailable);
}

gstx::Result<PictureConvert::BufferRef> PictureConvert::convert_frame(engine::GpuFrame& frame,
                                                                      GstBuffer* in) {
  GSTX_ASSIGN_OR_RETURN(const engine::VideoLayout layout, layout_of(out_info_));
  auto video = frame.convert(layout, {out_info_.width, out_info_.height}, options_);
  if (video) return wrap(*video);
  if (video.error().code != ErrorCode::unsupported) return fail(std::move(video).error());
  // This GPU does not convert: the CPU does, from pixels that are read back.
  GSTX_TRY(frame.read());
  return convert_mapped(in);
}

gstx::Result<PictureConvert::BufferRef> PictureConvert::wrap(
    const engine::MappedVideo& video) const {
  auto* const keep = new std::shared_ptr<const std::uint8_t>(video.memory);
  const auto release = [](gpointer data) noexcept {
    delete static_cast<std::shared_ptr<const std::uint8_t>*>(data);
  };
  auto buffer = BufferRef::adopt(gst_buffer_new_wrapped_full(
      GST_MEMORY_FLAG_READONLY, const_cast<std::uint8_t*>(video.memory.get()), video.bytes, 0,
      video.bytes, keep, release));
  const bool plain = has_layout_of(video, out_info_);
  if (plain && !takes_video_meta_) return buffer;
  std::array<gsize, GST_VIDEO_MAX_PLANES> offset{};
  std::array<gint, GST_VIDEO_MAX_PLANES> stride{};
  for (std::size_t plane = 0; plane < video.offset.size(); ++plane) {
    offset[plane] = video.offset[plane];
    stride[plane] = static_cast<gint>(video.stride_bytes[plane]);
  }
  gst_buffer_add_video_meta_full(
      buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&out_info_),
      static_cast<guint>(out_info_.width), static_cast<guint>(out_info_.height),
      GST_VIDEO_INFO_N_PLANES(&out_info_), offset.data(), stride.data());
  if (takes_video_meta_) return buffer;
  // Downstream looks for the planes where the caps alone put them.
  auto copy = BufferRef::adopt(gst_buffer_new_allocate(nullptr, out_info_.size, nullptr));
  gstx::MappedFrame from(out_info_, buffer.get(), GST_MAP_READ);
  gstx::MappedFrame to(out_info_, copy.get(), GST_MAP_WRITE);
  if (!from || !to || gst_video_frame_copy(&to.frame(), &from.frame()) == FALSE)
    return fail(ErrorCode::internal, "the converted picture could not be copied");
  return copy;
}

gstx::Result<PictureConvert::BufferRef> PictureConvert::convert_mapped(GstBuffer* in) {
  auto out = BufferRef::adopt(gst_buffer_new_allocate(nullptr, out_info_.size, nullptr));
  gstx::MappedFrame from(in_info_, in, GST_MAP_READ);
  gstx::MappedFrame to(out_info_, out.get(), GST_MAP_WRITE);
  if (!from || !to)
    return fail(ErrorCode::unavailable, "the picture could not be read back from the GPU");
  GSTX_TRY(convert(from.frame(), to.frame()));
  return out;
}

gstx::Result<void> PictureConvert::convert(GstVideoFrame& in, GstVideoFrame& out) {
  const engine::RgbaView source{
      .rgba = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&in, 0)),
      .stride_bytes = static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&in, 0)),
      .size = {GST_VIDEO_FRAME_WIDTH(&in), GST_VIDEO_FRAME_HEIGHT(&in)}};
  engine::VideoTarget target{.size = {GST_VIDEO_FRAME_WIDTH(&out), GST_VIDEO_FRAME_HEIGHT(&out)}};
  GSTX_ASSIGN_OR_RETURN(target.layout, layout_of(out.info));
  for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&out); ++plane) {
    target.planes[plane] = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&out, plane));
    target.stride_bytes[plane] =
        static_cast<std::size_t>(GST_VIDEO_FRAME_PLANE_STRIDE(&out, plane));
  }
  kept_size_ = target.size;
  return converter_->convert(source, target, options_);
}

}  // namespace napari::elements
