// When the next IDR comes: requests are coalesced, flag the encoder and ask upstream, past the encoder, for a repaint,
// since a video encoder swallows the request and a still scene would never answer it.
// Threads: [any] unless tagged; never calls out with its lock held.
#pragma once

#include <cstdint>

#include <gst/gst.h>

#include "gstx/gst_ref.hpp"
#include "gstx/thread.hpp"

namespace napari::elements {

[[nodiscard]] std::int64_t monotonic_ns();

class IdrControl {
 public:
  // `upstream_pad` is the sink pad that the repaint leaves by; borrowed.
  explicit IdrControl(GstPad* upstream_pad) : upstream_pad_(upstream_pad) {}
  ~IdrControl() { stop(); }
  IdrControl(const IdrControl&) = delete;
  IdrControl& operator=(const IdrControl&) = delete;

  void request();        // an IDR and a frame to carry it
  void flag_encoder();   // the next frame that comes is an IDR
  void repaint() const;  // a frame, whatever it is
  [[nodiscard]] bool pending() const;
  [[nodiscard]] std::int64_t last_keyframe_ns() const;  // 0: none yet
  [[nodiscard]] std::size_t last_keyframe_bytes() const;

  void set_encoder(gstx::Ref<GstElement> encoder);  // [stream] empty: none
  void on_keyframe(std::size_t bytes);              // [stream] before it is handed to anybody

  // Requests once more after `delay_ns`, unless cancelled. `bin` is watched, not owned.
  void schedule_request(GstElement* bin, std::int64_t delay_ns);
  void cancel_scheduled();
  void stop();  // drops encoder and schedule

 private:
  struct State {
    gstx::Ref<GstElement> encoder;
    bool pending{false};
    std::int64_t requested_ns{0};
    std::int64_t last_keyframe_ns{0};
    std::size_t last_keyframe_bytes{0};
    GstClockID scheduled{nullptr};
  };
  GstPad* const upstream_pad_;
  gstx::Guarded<State> state_;
};

}  // namespace napari::elements
