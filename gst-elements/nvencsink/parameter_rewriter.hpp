// Between the encoder slot and h264parse: gives every sequence parameter set the colour of the raw caps and the promise that
// nothing is reordered, before the parser reads its caps out of it. A set that does not parse passes as it came, with one
// warning. Threads: [stream] of the encoder.
#pragma once

#include "nvencsink/pad_pair.hpp"
#include "nvencsink/sink_settings.hpp"

namespace napari::elements {

class ParameterRewriter final : public PadPairHandler {
 public:
  // Borrowed.
  ParameterRewriter(GstElement* bin, SinkShared* shared) : bin_(bin), shared_(shared) {}
  GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) override;
  bool sink_query(GstPad* pad, GstObject* element, GstQuery* query) override;

 private:
  [[nodiscard]] gstx::Ref<GstBuffer> rewrite(gstx::Ref<GstBuffer> buffer);

  GstElement* const bin_;
  SinkShared* const shared_;
  bool warned_{false};
};

}  // namespace napari::elements
