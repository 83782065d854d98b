#include "nvencsink/memory_wait.hpp"

#include "gstx/gst_ref.hpp"
#include "nvencsink/idr_control.hpp"

namespace napari::elements {
namespace {

// A source renegotiates before its next picture but one; a slow one may still be drawing.
constexpr int kDropsMin = 16;
constexpr std::int64_t kPatienceNs = 5'000'000'000;

gboolean push_if_after_caps(GstPad*, GstEvent** event, gpointer source_pad) noexcept {
  const GstEventType type = GST_EVENT_TYPE(*event);
  if (type != GST_EVENT_STREAM_START && type != GST_EVENT_CAPS && type != GST_EVENT_EOS)
    gst_pad_push_event(static_cast<GstPad*>(source_pad), gst_event_ref(*event));
  return TRUE;
}

}  // namespace

void MemoryWait::begin() {
  if (!active()) began_ns_ = monotonic_ns();
}

bool MemoryWait::drop() {
  ++dropped_;
  return dropped_ < kDropsMin || monotonic_ns() - began_ns_ < kPatienceNs;
}

bool MemoryWait::take_event(GstEvent* event, GstElement* after) {
  auto owned = gstx::Ref<GstEvent>::adopt(event);
  const GstEventType type = GST_EVENT_TYPE(event);
  if (type == GST_EVENT_EOS) {
    const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(after, "sink"));
    return gst_pad_send_event(pad.get(), owned.release()) != FALSE;
  }
  // GST_EVENT_IS_STICKY mixes two enums, which clang refuses.
  const auto flags = static_cast<unsigned>(gst_event_type_get_flags(GST_EVENT_TYPE(event)));
  held_ = held_ || (flags & static_cast<unsigned>(GST_EVENT_TYPE_STICKY)) != 0;
  return true;
}

void MemoryWait::replay_before_caps(GstPad* sink_pad, GstPad* source_pad) const {
  if (!held_) return;
  if (GstEvent* start = gst_pad_get_sticky_event(sink_pad, GST_EVENT_STREAM_START, 0))
    gst_pad_push_event(source_pad, start);
}

void MemoryWait::replay_after_caps(GstPad* sink_pad, GstPad* source_pad) const {
  if (held_) gst_pad_sticky_events_foreach(sink_pad, push_if_after_caps, source_pad);
}

}  // namespace napari::elements
