#include "_helpers/standin_encoder/x264_session.hpp"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#include "gstx/gst_mapped.hpp"

namespace napari::standin {
namespace {

using gstx::Ref;

Ref<GstElement> child(GstElement* pipeline, const char* name) {
  return Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline), name));
}

}  // namespace

X264Session::X264Session(const GstVideoInfo& info) : info_(info) {
  gst_video_info_set_format(&tight_, GST_VIDEO_INFO_FORMAT(&info_), static_cast<guint>(info_.width),
                            static_cast<guint>(info_.height));
  tight_.fps_n = info_.fps_n;
  tight_.fps_d = info_.fps_d;
  tight_.colorimetry = info_.colorimetry;
  pipeline_ = Ref<GstElement>::sink(gst_parse_launch(
      "appsrc name=in format=time ! videoconvert ! "
      "x264enc name=encoder tune=zerolatency speed-preset=ultrafast threads=1 "
      "key-int-max=2147483647 option-string=scenecut=0 byte-stream=true ! "
      "video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au ! "
      "appsink name=out sync=false",
      nullptr));
  g_assert(pipeline_);
  source_ = child(pipeline_.get(), "in");
  encoder_ = child(pipeline_.get(), "encoder");
  sink_ = child(pipeline_.get(), "out");
  const auto caps = Ref<GstCaps>::adopt(gst_video_info_to_caps(&tight_));
  g_object_set(source_.get(), "caps", caps.get(), nullptr);
  gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
}

X264Session::~X264Session() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }

void X264Session::set_bitrate_kbit(guint kbit) {
  if (kbit == 0 || kbit == kbit_) return;
  kbit_ = kbit;
  g_object_set(encoder_.get(), "bitrate", kbit, nullptr);
}

Ref<GstBuffer> X264Session::copy_tight(GstBuffer* picture) const {
  auto copy = Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, tight_.size, nullptr));
  gstx::MappedFrame from(info_, picture, GST_MAP_READ);
  gstx::MappedFrame to(tight_, copy.get(), GST_MAP_WRITE);
  if (!from || !to || gst_video_frame_copy(&to.frame(), &from.frame()) == FALSE) return nullptr;
  return copy;
}

Ref<GstBuffer> X264Session::encode(GstBuffer* picture, bool keyframe) {
  auto copy = copy_tight(picture);
  if (!copy) return nullptr;
  GST_BUFFER_PTS(copy.get()) =
      gst_util_uint64_scale(number_++, GST_SECOND * static_cast<guint64>(tight_.fps_d),
                            static_cast<guint64>(tight_.fps_n));
  if (keyframe) {
    const auto pad = Ref<GstPad>::adopt(gst_element_get_static_pad(encoder_.get(), "src"));
    gst_pad_send_event(pad.get(),
                       gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 1));
  }
  gst_app_src_push_buffer(GST_APP_SRC(source_.get()), copy.release());
  const auto sample = Ref<GstSample>::adopt(
      gst_app_sink_try_pull_sample(GST_APP_SINK(sink_.get()), 20 * GST_SECOND));
  return sample ? Ref<GstBuffer>::retain(gst_sample_get_buffer(sample.get())) : nullptr;
}

}  // namespace napari::standin
