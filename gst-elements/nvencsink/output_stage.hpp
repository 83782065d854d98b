// Between h264parse and the tee: time stamps become running time, IDRs and figures are counted, the frame meta is made sure
// of, and each access unit is handed to whoever listens in the process. Consumers cannot reach past it.
// Threads: [stream] of the encoder; events from consumers on theirs.
#pragma once

#include <functional>

#include "nvencsink/idr_control.hpp"
#include "nvencsink/pad_pair.hpp"
#include "nvencsink/sink_settings.hpp"
#include "nvencsink/sink_stats.hpp"

namespace napari::elements {

// What every src pad carries.
[[nodiscard]] GstStaticCaps* output_caps();

class OutputStage final : public PadPairHandler {
 public:
  struct Parts {
    GstElement* bin{nullptr};  // borrowed, as everything here
    SinkShared* shared{nullptr};
    IdrControl* idr{nullptr};
    SinkStats* stats{nullptr};
    std::function<void(GstSample*)> on_access_unit;  // borrows the sample
  };
  void connect(Parts parts) { parts_ = std::move(parts); }
  void reset();  // [state change]

  GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) override;
  bool sink_event(GstPad* pad, GstObject* element, GstEvent* event) override;
  bool source_event(GstPad* pad, GstObject* element, GstEvent* event) override;
  bool sink_query(GstPad* pad, GstObject* element, GstQuery* query) override;

 private:
  void stamp(GstBuffer* buffer);
  void count(GstBuffer* buffer, std::int64_t pushed_ns);
  void announce(GstBuffer* buffer) const;

  Parts parts_;
  GstSegment segment_{};
  GstClockTime last_time_{0};
  std::int64_t message_ns_{0};
  gstx::Ref<GstCaps> caps_;
};

}  // namespace napari::elements
