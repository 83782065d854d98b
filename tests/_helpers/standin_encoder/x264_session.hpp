// One encoding session of the test double: NV12, or what videoconvert makes of another format, through x264enc in a pipeline of its
// own. One picture in, one access unit out. Threads: one caller at a time.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include "gstx/gst_ref.hpp"

namespace napari::standin {

class X264Session {
 public:
  explicit X264Session(const GstVideoInfo& info);
  ~X264Session();
  X264Session(const X264Session&) = delete;
  X264Session& operator=(const X264Session&) = delete;

  void set_bitrate_kbit(guint kbit);
  // Maps the picture for reading, wherever it is. Null where nothing came.
  [[nodiscard]] gstx::Ref<GstBuffer> encode(GstBuffer* picture, bool keyframe);

 private:
  [[nodiscard]] gstx::Ref<GstBuffer> copy_tight(GstBuffer* picture) const;

  const GstVideoInfo info_;
  GstVideoInfo tight_;
  gstx::Ref<GstElement> pipeline_;
  gstx::Ref<GstElement> source_;
  gstx::Ref<GstElement> encoder_;
  gstx::Ref<GstElement> sink_;
  guint kbit_{0};
  guint64 number_{0};
};

}  // namespace napari::standin
