#include "engine/napari_events.hpp"

namespace napari::engine {
namespace {

constexpr const char* kRepaintName = "napari-repaint";
constexpr const char* kCreditName = "napari-credit";

GstEvent* make_upstream_event(const char* name) {
  return gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty(name));
}

bool is_upstream_event(GstEvent* event, const char* name) {
  return GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_UPSTREAM && gst_event_has_name(event, name);
}

}  // namespace

GstEvent* make_repaint_event() { return make_upstream_event(kRepaintName); }
bool is_repaint_event(GstEvent* event) { return is_upstream_event(event, kRepaintName); }

GstEvent* make_credit_event() { return make_upstream_event(kCreditName); }
bool is_credit_event(GstEvent* event) { return is_upstream_event(event, kCreditName); }

bool query_credit(GstPad* source_pad) {
  GstQuery* query = gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty(kCreditName));
  const bool granted = gst_pad_peer_query(source_pad, query) != FALSE;
  gst_query_unref(query);
  return granted;
}

bool is_credit_query(GstQuery* query) {
  const GstStructure* structure =
      GST_QUERY_TYPE(query) == GST_QUERY_CUSTOM ? gst_query_get_structure(query) : nullptr;
  return structure != nullptr && gst_structure_has_name(structure, kCreditName);
}

}  // namespace napari::engine
