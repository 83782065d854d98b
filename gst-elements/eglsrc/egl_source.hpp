// What naparieglsrc does, without its GObject: opens what is to be drawn, hands pictures out in the memory that was negotiated
// (PictureWrap), keeps the caps at the size of the pictures, stamps running time, answers repaint, credit and latency.
// Threads: start and stop on the state-change thread, negotiated and create [stream], the rest [any]. Owns the delegate's
// share, its own renderer and view for `location`, and the pump; pictures may outlive it inside buffers.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <gst/base/gstpushsrc.h>

#include "eglsrc/frame_pump.hpp"
#include "eglsrc/pattern_delegate.hpp"
#include "eglsrc/picture_wrap.hpp"
#include "engine/elements.hpp"
#include "gstx/thread.hpp"
#include "runtime/interface.hpp"

namespace napari::elements {

enum class SourceMode { automatic, on_damage, continuous };

class EglSource {
 public:
  // The properties; latched by `start`.
  struct Settings {
    engine::BackendChoice backend{engine::BackendChoice::automatic};
    std::string device{"0"};  // CUDA ordinal or UUID
    engine::TestPattern pattern{engine::TestPattern::gradient};
    SourceMode mode{SourceMode::automatic};
    std::string location;
    int ndisplay{2};
    int settle_frames{8};
    engine::RenderDelegatePtr delegate;  // null: location, else pattern
  };

  explicit EglSource(GstPushSrc* element) : element_(element), wrap_(GST_ELEMENT(element)) {}
  EglSource(const EglSource&) = delete;
  EglSource& operator=(const EglSource&) = delete;
  ~EglSource() = default;

  template <typename Function>
  auto with_settings(Function&& function) {
    return settings_.with(std::forward<Function>(function));
  }

  [[nodiscard]] gstx::Result<void> start();
  void stop();
  void interrupt();
  void resume();

  // [any] What can be given now, in the kinds of memory that pictures are in; before `start` every kind. Caller owns.
  [[nodiscard]] GstCaps* offered_caps() const;
  // [stream] The kind that comes first in what can be given, and fixate_source_caps. Takes ownership of `caps`.
  [[nodiscard]] GstCaps* fixate(GstCaps* caps) const;
  // [stream] The caps were negotiated (again): the canvas is what they say.
  [[nodiscard]] gstx::Result<void> set_caps(GstCaps* caps);
  // [stream] Nothing was negotiated: the error is the memory that downstream insists on and this source cannot give.
  [[nodiscard]] gstx::Result<void> check_refusal() const;
  void negotiated() { negotiation_due_ = true; }
  [[nodiscard]] GstFlowReturn create(GstBuffer** buffer);

  [[nodiscard]] bool handle_event(GstEvent* event);  // true: it was ours
  [[nodiscard]] engine::CudaContextSlot& cuda_context() { return wrap_.context(); }
  [[nodiscard]] GstClockTime latency();  // what the LATENCY query reports; notes it as reported
  [[nodiscard]] FramePump::Stats stats() const;
  [[nodiscard]] std::string draws_with() const;

 private:
  // Between start and stop; what other threads may ask for.
  struct Running {
    std::shared_ptr<FramePump> pump;
    std::shared_ptr<engine::Renderer> renderer;  // of `location` alone
  };

  [[nodiscard]] gstx::Result<void> open_location(const Settings& settings);
  [[nodiscard]] gstx::Result<void> show(data::CanvasSize canvas);
  [[nodiscard]] data::CanvasSize likely_canvas();
  [[nodiscard]] gstx::Result<void> apply_negotiation();
  [[nodiscard]] gstx::Result<void> follow_size(data::CanvasSize size);
  [[nodiscard]] gstx::Result<bool> renegotiate();  // true: the size is another
  [[nodiscard]] tl::expected<PictureWrap::BufferRef, WrapError> wrap(
      const engine::PicturePtr& picture);
  void leave_out(FramePump& pump, const gstx::Error& error);
  [[nodiscard]] GstFlowReturn fail_flow(const gstx::Error& error);
  [[nodiscard]] GstFlowReturn finish(GstBuffer* buffer, const FramePump::Outgoing& outgoing);
  void stamp(GstBuffer* buffer, const FramePump::Outgoing& outgoing, bool repeated);
  void report_latency();
  [[nodiscard]] std::shared_ptr<FramePump> pump() const { return running_.copy().pump; }

  GstPushSrc* const element_;
  gstx::Guarded<Settings> settings_;
  gstx::Guarded<Running> running_;
  gstx::Guarded<std::string> draws_with_;

  std::string location_;
  int ndisplay_{2};
  bool timed_{true};  // every buffer lasts one interval
  std::shared_ptr<PatternDelegate> pattern_;
  std::shared_ptr<engine::Renderer> renderer_;  // of `location` alone
  std::unique_ptr<runtime::StandaloneView> view_;

  PictureWrap wrap_;

  // [stream]
  bool negotiation_due_{false};
  bool left_out_told_{false};
  data::CanvasSize caps_size_;
  data::CanvasSize view_canvas_;
  GstClockTime interval_{GST_SECOND / 60};
  GstClockTime last_pts_{GST_CLOCK_TIME_NONE};
  std::uint64_t last_frame_id_{0};
  std::atomic<GstClockTime> latency_reported_{GST_CLOCK_TIME_NONE};
};

// The pad template: every kind of memory, whatever this machine has.
[[nodiscard]] GstCaps* make_source_caps();

// Prefers 1920 x 1080 at 60 frames a second. Takes ownership of `caps`.
[[nodiscard]] GstCaps* fixate_source_caps(GstCaps* caps);

}  // namespace napari::elements
