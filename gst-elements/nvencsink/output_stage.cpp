#include "nvencsink/output_stage.hpp"

#include <algorithm>

#include <gst/video/video.h>

#include "engine/elements.hpp"

namespace napari::elements {
namespace {

constexpr std::int64_t kMessageNs = 1'000'000'000;

GstSegment plain_segment() {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  return segment;
}

// From the picture's time stamp to now, on the pipeline's clock; 0 where there is none.
std::int64_t latency_ns(GstElement* bin, GstClockTime running_time) {
  const auto clock = gstx::Ref<GstClock>::adopt(gst_element_get_clock(bin));
  if (!clock) return 0;
  const GstClockTime now = gst_clock_get_time(clock.get()) - gst_element_get_base_time(bin);
  return std::max<std::int64_t>(0, GST_CLOCK_DIFF(running_time, now));
}

}  // namespace

GstStaticCaps* output_caps() {
  static GstStaticCaps caps =
      GST_STATIC_CAPS("video/x-h264, stream-format=(string)byte-stream, alignment=(string)au");
  return &caps;
}

void OutputStage::reset() {
  segment_ = plain_segment();
  last_time_ = 0;
  message_ns_ = 0;
  caps_.reset();
}

// An encoder may shift its time stamps and its segment by hours; behind here there is one time line, whatever the encoder.
void OutputStage::stamp(GstBuffer* buffer) {
  const GstClockTime running =
      segment_.format == GST_FORMAT_TIME
          ? gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
          : GST_CLOCK_TIME_NONE;
  if (GST_CLOCK_TIME_IS_VALID(running)) last_time_ = std::max(last_time_, running);
  GST_BUFFER_PTS(buffer) = last_time_;
  GST_BUFFER_DTS(buffer) = last_time_;  // nothing is reordered
}

void OutputStage::count(GstBuffer* buffer, std::int64_t pushed_ns) {
  const bool keyframe = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  // Before anybody gets it: a join from now on needs another one.
  if (keyframe) parts_.idr->on_keyframe(gst_buffer_get_size(buffer));
  const std::int64_t now = monotonic_ns();
  parts_.stats->count({.now_ns = now,
                       .encode_ns = pushed_ns == 0 ? 0 : now - pushed_ns,
                       .latency_ns = latency_ns(parts_.bin, GST_BUFFER_PTS(buffer)),
                       .bytes = gst_buffer_get_size(buffer),
                       .keyframe = keyframe});
  if (now - message_ns_ < kMessageNs) return;
  const bool first = message_ns_ == 0;
  message_ns_ = now;
  if (first) return;
  gst_element_post_message(
      parts_.bin,
      gst_message_new_element(GST_OBJECT(parts_.bin), to_structure(parts_.stats->figures(now))));
}

void OutputStage::announce(GstBuffer* buffer) const {
  const GstSegment segment = plain_segment();
  const auto sample =
      gstx::Ref<GstSample>::adopt(gst_sample_new(buffer, caps_.get(), &segment, nullptr));
  parts_.on_access_unit(sample.get());
}

GstFlowReturn OutputStage::chain(GstPad* source_pad, GstBuffer* buffer) {
  auto unit = gstx::Ref<GstBuffer>::adopt(gst_buffer_make_writable(buffer));
  const InFlight picture = parts_.shared->watch.pop();
  if (picture.info && engine::find_frame_info(unit.get()) == nullptr)
    engine::add_frame_meta(unit.get(), *picture.info);
  stamp(unit.get());
  count(unit.get(), picture.pushed_ns);
  announce(unit.get());
  return gst_pad_push(source_pad, unit.release());
}

bool OutputStage::sink_event(GstPad* pad, GstObject* element, GstEvent* event) {
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps* caps = nullptr;
    gst_event_parse_caps(event, &caps);
    caps_ = gstx::Ref<GstCaps>::retain(caps);
  }
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
    gst_event_copy_segment(event, &segment_);
    const GstSegment plain = plain_segment();
    GstEvent* replaced = gst_event_new_segment(&plain);
    gst_event_set_seqnum(replaced, gst_event_get_seqnum(event));
    gst_event_unref(event);
    event = replaced;
  }
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) last_time_ = 0;
  return PadPairHandler::sink_event(pad, element, event);
}

bool OutputStage::source_event(GstPad*, GstObject*, GstEvent* event) {
  const auto owned = gstx::Ref<GstEvent>::adopt(event);
  if (gst_video_event_is_force_key_unit(event) != FALSE) parts_.idr->request();
  // Seeks, QoS and renegotiation of one consumer are nothing to the encoder that all share.
  return true;
}

bool OutputStage::sink_query(GstPad* pad, GstObject* element, GstQuery* query) {
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CAPS:
    case GST_QUERY_ACCEPT_CAPS: {
      const auto caps = gstx::Ref<GstCaps>::adopt(gst_static_caps_get(output_caps()));
      return answer_with_caps(query, caps.get());
    }
    case GST_QUERY_ALLOCATION:
      return false;
    default:
      return PadPairHandler::sink_query(pad, element, query);
  }
}

}  // namespace napari::elements
