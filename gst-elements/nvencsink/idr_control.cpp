#include "nvencsink/idr_control.hpp"

#include <utility>

#include <gst/video/video.h>

#include "engine/elements.hpp"
#include "nvencsink/nvenc_sink.hpp"

namespace napari::elements {
namespace {

// A request that brought no IDR for this long is made again: its frame may have been lost on the way.
constexpr std::int64_t kRetryNs = 250'000'000;

void send_force_key_unit(const gstx::Ref<GstElement>& encoder) {
  if (!encoder) return;
  const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(encoder.get(), "src"));
  if (!pad) return;
  gst_pad_send_event(pad.get(),
                     gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 1));
}

void forget(GstClockID id) {
  if (id == nullptr) return;
  gst_clock_id_unschedule(id);
  gst_clock_id_unref(id);
}

}  // namespace

std::int64_t monotonic_ns() { return g_get_monotonic_time() * 1000; }

void IdrControl::request() {
  const std::int64_t now = monotonic_ns();
  const bool fresh = state_.with([&](State& state) {
    if (state.pending && now - state.requested_ns < kRetryNs) return false;
    state.pending = true;
    state.requested_ns = now;
    return true;
  });
  if (!fresh) return;
  send_force_key_unit(state_.with([](State& state) { return state.encoder; }));
  repaint();
}

void IdrControl::flag_encoder() {
  const std::int64_t now = monotonic_ns();
  const auto encoder = state_.with([now](State& state) {
    if (state.pending && now - state.requested_ns < kRetryNs) return gstx::Ref<GstElement>();
    state.pending = true;
    state.requested_ns = now;
    return state.encoder;
  });
  send_force_key_unit(encoder);
}

void IdrControl::repaint() const {
  gst_pad_push_event(upstream_pad_, engine::make_repaint_event());
}

bool IdrControl::pending() const {
  return state_.with([](const State& state) { return state.pending; });
}

std::int64_t IdrControl::last_keyframe_ns() const {
  return state_.with([](const State& state) { return state.last_keyframe_ns; });
}

std::size_t IdrControl::last_keyframe_bytes() const {
  return state_.with([](const State& state) { return state.last_keyframe_bytes; });
}

void IdrControl::set_encoder(gstx::Ref<GstElement> encoder) {
  // The old reference goes outside the lock.
  state_.with([&](State& state) { std::swap(state.encoder, encoder); });
}

void IdrControl::on_keyframe(std::size_t bytes) {
  const std::int64_t now = monotonic_ns();
  state_.with([&](State& state) {
    state.pending = false;
    state.last_keyframe_ns = now;
    state.last_keyframe_bytes = bytes;
  });
}

void IdrControl::schedule_request(GstElement* bin, std::int64_t delay_ns) {
  const auto clock = gstx::Ref<GstClock>::adopt(gst_system_clock_obtain());
  GstClockID id = gst_clock_new_single_shot_id(
      clock.get(), gst_clock_get_time(clock.get()) + static_cast<GstClockTime>(delay_ns));
  auto* weak = g_new0(GWeakRef, 1);
  g_weak_ref_init(weak, bin);
  gst_clock_id_wait_async(
      id,
      [](GstClock*, GstClockTime, GstClockID, gpointer data) noexcept -> gboolean {
        const auto alive = gstx::Ref<GstElement>::adopt(
            static_cast<GstElement*>(g_weak_ref_get(static_cast<GWeakRef*>(data))));
        if (alive) NvencSink::of(alive.get()).idr().request();
        return TRUE;
      },
      weak,
      [](gpointer data) noexcept {
        g_weak_ref_clear(static_cast<GWeakRef*>(data));
        g_free(data);
      });
  forget(state_.with([&](State& state) { return std::exchange(state.scheduled, id); }));
}

void IdrControl::cancel_scheduled() {
  forget(state_.with([](State& state) { return std::exchange(state.scheduled, nullptr); }));
}

void IdrControl::stop() {
  cancel_scheduled();
  State old;
  state_.with([&](State& state) { std::swap(state, old); });
}

}  // namespace napari::elements
