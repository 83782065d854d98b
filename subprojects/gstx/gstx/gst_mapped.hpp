// Scoped maps of buffers and video frames. A map that failed is empty: test with `operator bool`.
// Threads: as the buffer's owner.
#pragma once

#include <span>

#include <gst/gst.h>
#include <gst/video/video.h>

namespace gstx {

class MappedBuffer {
 public:
  MappedBuffer(GstBuffer* buffer, GstMapFlags flags)
      : buffer_(gst_buffer_map(buffer, &info_, flags) ? buffer : nullptr) {}
  ~MappedBuffer() {
    if (buffer_ != nullptr) gst_buffer_unmap(buffer_, &info_);
  }
  MappedBuffer(const MappedBuffer&) = delete;
  MappedBuffer& operator=(const MappedBuffer&) = delete;

  [[nodiscard]] explicit operator bool() const { return buffer_ != nullptr; }
  [[nodiscard]] std::span<guint8> bytes() const { return {info_.data, info_.size}; }

 private:
  GstMapInfo info_ = GST_MAP_INFO_INIT;
  GstBuffer* buffer_;
};

class MappedFrame {
 public:
  MappedFrame(const GstVideoInfo& info, GstBuffer* buffer, GstMapFlags flags)
      : mapped_(gst_video_frame_map(&frame_, &info, buffer, flags)) {}
  ~MappedFrame() {
    if (mapped_) gst_video_frame_unmap(&frame_);
  }
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  [[nodiscard]] explicit operator bool() const { return mapped_ != FALSE; }
  [[nodiscard]] GstVideoFrame& frame() { return frame_; }

 private:
  GstVideoFrame frame_{};
  gboolean mapped_;
};

}  // namespace gstx
