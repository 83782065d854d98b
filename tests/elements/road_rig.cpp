#include "road_rig.hpp"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "fakes/patience.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

RoadPicture read_picture(GstSample* sample) {
  GstVideoInfo info;
  RoadPicture picture;
  if (gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) == FALSE) return picture;
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  gstx::MappedFrame mapped(info, buffer, GST_MAP_READ);
  if (!mapped) return picture;
  picture.format = gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info));
  picture.size = {info.width, info.height};
  if (const data::FrameInfo* frame = engine::find_frame_info(buffer))
    picture.frame_id = frame->frame_id;
  for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info); ++plane) {
    // Component `plane` lies in plane `plane` in every format here.
    const int bytes =
        GST_VIDEO_INFO_COMP_WIDTH(&info, plane) * GST_VIDEO_INFO_COMP_PSTRIDE(&info, plane);
    for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT(&info, plane); ++y) {
      const auto* row =
          static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&mapped.frame(), plane)) +
          static_cast<std::ptrdiff_t>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(&mapped.frame(), plane);
      picture.planes.insert(picture.planes.end(), row, row + bytes);
    }
  }
  return picture;
}

}  // namespace

Road::Road(const std::string& line, engine::RenderDelegatePtr delegate) {
  GError* error = nullptr;
  pipeline_ = gstx::Ref<GstElement>::sink(gst_parse_launch(line.c_str(), &error));
  if (error != nullptr) {
    ADD_FAILURE() << line << ": " << error->message;
    g_error_free(error);
    return;
  }
  sink_ = gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), "out"));
  if (delegate != nullptr) g_object_set(element("src"), "delegate", &delegate, nullptr);
}

Road::~Road() {
  if (pipeline_) stop();
}

void Road::play() { gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING); }

void Road::stop() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }

gstx::Ref<GstSample> Road::next_sample() {
  return gstx::Ref<GstSample>::adopt(gst_app_sink_try_pull_sample(
      GST_APP_SINK(sink_.get()),
      static_cast<GstClockTime>(10 * napari::fakes::patience()) * GST_SECOND));
}

bool Road::next(RoadPicture& picture) {
  const auto sample = next_sample();
  if (!sample) return false;
  picture = read_picture(sample.get());
  return true;
}

std::vector<RoadPicture> Road::all() {
  std::vector<RoadPicture> pictures;
  RoadPicture picture;
  play();
  while (next(picture)) pictures.push_back(std::move(picture));
  return pictures;
}

GstElement* Road::element(const char* name) const {
  return gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name)).get();
}

void Road::set_caps(const char* capsfilter, const std::string& caps) {
  const auto parsed = gstx::Ref<GstCaps>::adopt(gst_caps_from_string(caps.c_str()));
  g_object_set(element(capsfilter), "caps", parsed.get(), nullptr);
}

std::vector<std::string> Road::messages(GstMessageType type) {
  const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
  std::vector<std::string> texts;
  while (GstMessage* message = gst_bus_pop_filtered(bus.get(), type)) {
    GError* error = nullptr;
    if (type == GST_MESSAGE_ERROR)
      gst_message_parse_error(message, &error, nullptr);
    else
      gst_message_parse_warning(message, &error, nullptr);
    texts.emplace_back(error->message);
    g_error_free(error);
    gst_message_unref(message);
  }
  return texts;
}

int difference(const RoadPicture& left, const RoadPicture& right) {
  if (left.format != right.format || left.size != right.size || left.planes.empty() ||
      left.planes.size() != right.planes.size())
    return -1;
  int worst = 0;
  for (std::size_t i = 0; i < left.planes.size(); ++i)
    worst = std::max(worst, std::abs(left.planes[i] - right.planes[i]));
  return worst;
}

}  // namespace napari::elements
