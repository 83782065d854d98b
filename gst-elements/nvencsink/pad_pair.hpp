// An internal element with one sink and one src pad whose behaviour is a plain C++ object: the flow barrier, the parameter
// set rewriter, the output stage and the consumers' gates are handlers of it. Not registered as a feature.
// Threads: handlers are called on the threads of the pads. The element shares ownership of its handler.
#pragma once

#include <memory>

#include <gst/gst.h>

#include "gstx/gst_ref.hpp"

namespace napari::elements {

class PadPairHandler {
 public:
  PadPairHandler() = default;
  PadPairHandler(const PadPairHandler&) = delete;
  PadPairHandler& operator=(const PadPairHandler&) = delete;
  virtual ~PadPairHandler() = default;

  // Takes the buffer.
  virtual GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) = 0;
  // The event functions take the event.
  virtual bool sink_event(GstPad* pad, GstObject* element, GstEvent* event);
  virtual bool source_event(GstPad* pad, GstObject* element, GstEvent* event);
  virtual bool sink_query(GstPad* pad, GstObject* element, GstQuery* query);
  virtual bool source_query(GstPad* pad, GstObject* element, GstQuery* query);
};

[[nodiscard]] gstx::Ref<GstElement> make_pad_pair(const char* name,
                                                  std::shared_ptr<PadPairHandler> handler);

// The answers of a pad that takes `caps` whatever is downstream.
[[nodiscard]] bool answer_with_caps(GstQuery* query, GstCaps* caps);

}  // namespace napari::elements
