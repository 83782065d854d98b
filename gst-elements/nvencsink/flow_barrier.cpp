#include "nvencsink/flow_barrier.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <gst/video/video.h>

#include "gstx/gst_error.hpp"
#include "nvencsink/nvenc_sink.hpp"

namespace napari::elements {
namespace {

using engine::EncoderKind;
using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;

constexpr std::int64_t kSettleRepeatNs = 1'000'000'000;
constexpr int kFpsFallback = 60;

engine::VideoColour colour_of(const GstVideoColorimetry& colorimetry) {
  const engine::VideoColour colour{
      .primaries =
          static_cast<std::uint8_t>(gst_video_color_primaries_to_iso(colorimetry.primaries)),
      .transfer =
          static_cast<std::uint8_t>(gst_video_transfer_function_to_iso(colorimetry.transfer)),
      .matrix = static_cast<std::uint8_t>(gst_video_color_matrix_to_iso(colorimetry.matrix)),
      .full_range = colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255};
  return colour;
}

}  // namespace

void FlowBarrier::connect(const Parts& parts) {
  parts_ = parts;
  keeper_.connect({.bin = GST_ELEMENT(parts.bin),
                   .shared = parts.shared,
                   .idr = parts.idr,
                   .slot = parts.slot});
}

void FlowBarrier::note_death(int generation, const std::string& reason) {
  death_.with([&](Death& death) {
    if (generation != 0 && generation < death.generation_min) return;
    if (death.reason) return;
    death.reason = reason;
    death.generation = generation;
  });
  parts_.shared->watch.wake();
}

// Takes what is known of the encoder in the slot; from now on only its successor is heard.
std::optional<std::string> FlowBarrier::close_books() {
  const int generation_next = parts_.slot->generation() + 1;
  return death_.with([&](Death& death) {
    death.generation_min = generation_next;
    return std::exchange(death.reason, std::nullopt);
  });
}

void FlowBarrier::report_death(int generation, const std::string& reason) {
  note_death(generation, reason);
  // With a frame in hand the streaming thread finds out by itself.
  if (!busy_ && !parts_.shared->stopping) parts_.idr->repaint();
}

void FlowBarrier::report_failure(int generation, const std::string& reason) {
  if (busy_) note_death(generation, reason);
}

void FlowBarrier::reset() {
  keeper_.reset();
  wait_.end();
  static_cast<void>(close_books());
  flushing_ = false;
  caps_.reset();
  spending_bps_ = 0;
  settled_frame_.reset();
  repeated_frame_.reset();
  gave_up_ = false;
}

void FlowBarrier::let_go() {
  constexpr std::chrono::seconds kLetGoMax{3};
  parts_.shared->watch.wake();
  parts_.shared->watch.wait_left(kLetGoMax);
}

bool FlowBarrier::needs_encoder() const {
  return !parts_.slot->encoder() ||
         death_.with([](const Death& death) { return death.reason.has_value(); });
}

void FlowBarrier::bury_encoder(const std::string& fallback_reason) {
  keeper_.bury(close_books().value_or(fallback_reason));
}

FlowBarrier::Filled FlowBarrier::fill_slot() {
  if (gave_up_) return Filled::gave_up;
  const auto filled = keeper_.fill(input_);
  if (!filled) {
    give_up(filled.error());
    return Filled::gave_up;
  }
  if (*filled == EncoderKeeper::Outcome::other_memory) return Filled::other_memory;
  // A candidate that did not start has said why; that is not held against the one that did.
  death_.with([now = parts_.slot->generation()](Death& death) {
    death.generation_min = now;
    if (death.generation != 0 && death.generation < now) death.reason.reset();
  });
  spending_bps_ = input_.settings.bitrate_bps;
  return Filled::ready;
}

void FlowBarrier::give_up(const gstx::Error& error) {
  if (std::exchange(gave_up_, true)) return;
  parts_.shared->encoder_report.with([&](auto& report) { report = error.message; });
  parts_.shared->encoder_name.with([](auto& name) { name.clear(); });
  gstx::post_error(GST_ELEMENT(parts_.bin), error);
}

Result<void> FlowBarrier::read_caps(GstCaps* caps) {
  GstVideoInfo info;
  if (gst_video_info_from_caps(&info, caps) == FALSE)
    return fail(ErrorCode::invalid_argument, "the caps describe no raw video");
  const data::CanvasSize size{info.width, info.height};
  if (size.width_px % 2 != 0 || size.height_px % 2 != 0)
    return fail(ErrorCode::invalid_argument, fmt::format("a picture of {} x {} px has an odd side",
                                                         size.width_px, size.height_px));
  input_.settings.size = size;
  input_.settings.fps_numerator = info.fps_n;
  input_.settings.fps_denominator = info.fps_d;
  input_.memory = engine::memory_feature(caps);
  input_.format = gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&info));
  guard_.set_format(info);
  guard_.reset();
  parts_.shared->colour.with([&](auto& colour) { colour = colour_of(info.colorimetry); });
  return {};
}

bool FlowBarrier::on_caps(GstPad* pad, GstObject* element, GstEvent* event) {
  const auto owned = Ref<GstEvent>::adopt(event);
  GstCaps* offered = nullptr;
  gst_event_parse_caps(event, &offered);
  auto caps = Ref<GstCaps>::adopt(gst_caps_copy(offered));
  GstStructure* structure = gst_caps_get_structure(caps.get(), 0);
  gint numerator = 0;
  gint denominator = 1;
  // x264's rate control takes 0/1 for very few frames a second and bursts tenfold.
  if (gst_structure_get_fraction(structure, "framerate", &numerator, &denominator) == FALSE ||
      numerator <= 0)
    gst_structure_set(structure, "framerate", GST_TYPE_FRACTION, kFpsFallback, 1, nullptr);
  // NVENC's pads refuse caps that leave it open.
  if (gst_structure_has_field(structure, "interlace-mode") == FALSE)
    gst_structure_set(structure, "interlace-mode", G_TYPE_STRING, "progressive", nullptr);
  if (caps_ && keeper_.alive() && gst_caps_is_equal(caps_.get(), caps.get())) return true;
  if (auto read = read_caps(caps.get()); !read) {
    give_up(read.error());
    return false;
  }
  caps_ = caps;
  keeper_.retire();
  static_cast<void>(close_books());
  return install(pad, element);
}

bool FlowBarrier::install(GstPad* pad, GstObject* element) {
  const auto source_pad =
      Ref<GstPad>::adopt(gst_element_get_static_pad(GST_ELEMENT(element), "src"));
  while (!parts_.shared->stopping) {
    switch (fill_slot()) {
      case Filled::gave_up:
        return false;
      case Filled::other_memory:
        return wait_for_memory(pad);
      case Filled::ready:
        break;
    }
    const MemoryWait waited = std::exchange(wait_, {});
    waited.replay_before_caps(pad, source_pad.get());
    const bool taken = PadPairHandler::sink_event(pad, element, gst_event_new_caps(caps_.get()));
    if (taken && !needs_encoder()) {
      waited.replay_after_caps(pad, source_pad.get());
      grant_credit(pad);
      return true;
    }
    bury_encoder("it does not take the caps");
  }
  return false;
}

// The chosen encoder takes other memory than what comes: until upstream has renegotiated there is nothing to encode.
bool FlowBarrier::wait_for_memory(GstPad* sink_pad) {
  parts_.slot->cut_off();
  parts_.shared->watch.clear();
  wait_.begin();
  const auto wanted = keeper_.offer();
  const auto possible = Ref<GstCaps>::adopt(gst_pad_peer_query_caps(sink_pad, wanted.get()));
  if (gst_caps_is_empty(possible.get()) != FALSE) {
    give_up(
        {ErrorCode::unsupported,
         fmt::format("{}{} takes pictures in system memory, and upstream has them in {} only: put "
                     "cudadownload in front",
                     keeper_.history(), parts_.shared->encoder_name.copy(), input_.memory)});
    return false;
  }
  gst_pad_push_event(sink_pad, gst_event_new_reconfigure());
  // A still scene has to come by once, to see that it has to renegotiate.
  parts_.idr->repaint();
  grant_credit(sink_pad);
  return true;
}

GstFlowReturn FlowBarrier::drop_picture(GstPad* sink_pad) {
  if (gave_up_) return GST_FLOW_FLUSHING;
  if (!wait_.drop()) {
    give_up({ErrorCode::unsupported,
             fmt::format("{}{} takes pictures in system memory, and upstream goes on sending {}",
                         keeper_.history(), parts_.shared->encoder_name.copy(), input_.memory)});
    return GST_FLOW_FLUSHING;
  }
  parts_.idr->repaint();
  grant_credit(sink_pad);
  return GST_FLOW_OK;
}

bool FlowBarrier::sink_event(GstPad* pad, GstObject* element, GstEvent* event) {
  const GstEventType type = GST_EVENT_TYPE(event);
  if (type == GST_EVENT_CAPS) return on_caps(pad, element, event);
  const bool flushed = type == GST_EVENT_FLUSH_STOP;
  if (type == GST_EVENT_FLUSH_START || flushed) {
    flushing_ = !flushed;
    parts_.shared->watch.wake();
  }
  if (flushed) parts_.shared->watch.clear();
  // A flush comes on any thread, and where the slot is cut off there is nothing behind it to flush.
  const bool waits = type != GST_EVENT_FLUSH_START && !flushed && wait_.active();
  const bool result = waits ? wait_.take_event(event, parts_.slot->after())
                            : PadPairHandler::sink_event(pad, element, event);
  // The queue may have dropped a frame that held the credit.
  if (flushed) grant_credit(pad);
  return result;
}

bool FlowBarrier::sink_query(GstPad* pad, GstObject* element, GstQuery* query) {
  if (engine::is_credit_query(query)) return true;
  if (GST_QUERY_TYPE(query) == GST_QUERY_CAPS || GST_QUERY_TYPE(query) == GST_QUERY_ACCEPT_CAPS) {
    return answer_with_caps(query, keeper_.offer().get());
  }
  if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION) {
    // Not the encoder's answer: its successor would have to keep it.
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    return true;
  }
  return PadPairHandler::sink_query(pad, element, query);
}

void FlowBarrier::grant_credit(GstPad* sink_pad) const {
  gst_pad_push_event(sink_pad, engine::make_credit_event());
}

void FlowBarrier::spend(std::int64_t bitrate_bps) {
  if (std::exchange(spending_bps_, bitrate_bps) == bitrate_bps) return;
  engine::set_encoder_bitrate(parts_.slot->encoder().get(), parts_.slot->kind(), bitrate_bps);
}

// A picture that has settled is as good when it is handed out again for somebody who joins.
void FlowBarrier::follow_settling(const data::FrameInfo& info) {
  if (info.settle_index > 0) {
    settled_frame_ = info.frame_id;
  } else if (info.frame_id != settled_frame_) {
    settled_frame_.reset();
  }
  if (settled_frame_ != repeated_frame_) parts_.idr->cancel_scheduled();
  if (!info.settle_last || repeated_frame_ == info.frame_id) return;
  if (!parts_.shared->settings.with([](const auto& settings) { return settings.settle_idr; }))
    return;
  repeated_frame_ = info.frame_id;
  parts_.idr->flag_encoder();
  parts_.idr->schedule_request(GST_ELEMENT(parts_.bin), kSettleRepeatNs);
}

void FlowBarrier::prepare(GstBuffer* buffer) {
  const auto* info = engine::find_frame_info(buffer);
  const std::int64_t now = monotonic_ns();
  if (info != nullptr) follow_settling(*info);
  const SinkSettings settings = parts_.shared->settings.copy();
  const std::int64_t last_idr = parts_.idr->last_keyframe_ns();
  if (settings.idr_interval_ms > 0 && last_idr > 0 &&
      now - last_idr >= settings.idr_interval_ms * 1'000'000)
    parts_.idr->flag_encoder();
  input_.settings.bitrate_bps = settings.bitrate_bps;
  input_.settings.max_bitrate_bps = settings.max_bitrate_bps;
  const EncoderKind kind = parts_.slot->kind();
  if (settled_frame_ && info != nullptr) {
    spend(engine::settle_bitrate_bps(kind, input_.settings));
  } else {
    spend(parts_.idr->pending()
              ? engine::idr_bitrate_bps(kind, settings.bitrate_bps, input_.settings.fps())
              : settings.bitrate_bps);
  }
  parts_.shared->watch.push(
      {.pushed_ns = now, .info = info != nullptr ? std::optional(*info) : std::nullopt});
}

GstFlowReturn FlowBarrier::push_guarded(GstPad* source_pad, Ref<GstBuffer> picture) {
  if (parts_.slot->kind() != EncoderKind::openh264 || settled_frame_)
    return gst_pad_push(source_pad, picture.release());
  const std::int64_t before = parts_.idr->last_keyframe_ns();
  auto softened =
      guard_.overshoots() && parts_.idr->pending() ? guard_.soften(picture.get()) : nullptr;
  const bool was_softened = static_cast<bool>(softened);
  const GstFlowReturn flow =
      gst_pad_push(source_pad, was_softened ? softened.release() : picture.release());
  if (parts_.idr->last_keyframe_ns() != before)
    guard_.learn(parts_.idr->last_keyframe_bytes(), input_.settings.bitrate_bps);
  if (was_softened) parts_.idr->repaint();
  return flow;
}

bool FlowBarrier::interrupted() const {
  return parts_.shared->stopping || flushing_ ||
         death_.with([](const Death& death) { return death.reason.has_value(); });
}

// An encoder on a GPU has taken the picture; its access unit comes from another thread. Waiting for it keeps one picture in, one
// out, and finds out that the encoder, or its driver, hangs.
GstFlowReturn FlowBarrier::await_unit() {
  if (!parts_.slot->is_threaded()) return GST_FLOW_OK;
  constexpr std::chrono::milliseconds kStopPatience{500};
  EncodeWatch& watch = parts_.shared->watch;
  const std::chrono::milliseconds limit(
      parts_.shared->settings.with([](const auto& settings) { return settings.stall_timeout_ms; }));
  const auto is_playing = [this] {
    GstState state = GST_STATE_NULL;
    gst_element_get_state(GST_ELEMENT(parts_.bin), &state, nullptr, 0);
    return state == GST_STATE_PLAYING;
  };
  watch.enter();
  bool out = false;
  // Paused, what comes out of the encoder may have nowhere to go.
  do {
    out = watch.wait_empty(limit, [this] { return interrupted(); });
  } while (!out && !interrupted() && !is_playing());
  if (parts_.shared->stopping && !out && !watch.wait_empty(kStopPatience, [] { return false; })) {
    parts_.idr->set_encoder(nullptr);
    parts_.slot->cut_off();
  }
  watch.leave();
  if (parts_.shared->stopping || flushing_) return GST_FLOW_FLUSHING;
  if (!out)
    report_death(0, fmt::format("it kept a picture for {} ms and gave nothing", limit.count()));
  return GST_FLOW_OK;
}

GstFlowReturn FlowBarrier::encode(const Pads& pads, const Ref<GstBuffer>& picture) {
  while (true) {
    if (parts_.shared->stopping) return GST_FLOW_FLUSHING;
    if (needs_encoder()) {
      bury_encoder("it stopped");
      switch (fill_slot()) {
        case Filled::gave_up:
          // FLUSHING ends the source without a second error of its own.
          return GST_FLOW_FLUSHING;
        case Filled::other_memory:
          return wait_for_memory(pads.sink) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
        case Filled::ready:
          break;
      }
    }
    prepare(picture.get());
    GstFlowReturn flow = push_guarded(pads.source, picture);
    if (flow >= GST_FLOW_OK) flow = await_unit();
    if (flow == GST_FLOW_FLUSHING || flow == GST_FLOW_EOS || parts_.shared->stopping) return flow;
    if (flow >= GST_FLOW_OK && !needs_encoder()) return GST_FLOW_OK;
    report_death(0, fmt::format("it returned {}", gst_flow_get_name(flow)));
  }
}

GstFlowReturn FlowBarrier::chain(GstPad* source_pad, GstBuffer* buffer) {
  const auto owned = Ref<GstBuffer>::adopt(buffer);
  const auto element = Ref<GstElement>::adopt(gst_pad_get_parent_element(source_pad));
  const auto sink_pad = Ref<GstPad>::adopt(gst_element_get_static_pad(element.get(), "sink"));
  if (wait_.active()) return drop_picture(sink_pad.get());
  busy_ = true;
  const GstFlowReturn flow = encode({.sink = sink_pad.get(), .source = source_pad}, owned);
  busy_ = false;
  if (flow == GST_FLOW_OK && !wait_.active() && needs_encoder()) parts_.idr->repaint();
  grant_credit(sink_pad.get());
  return flow;
}

}  // namespace napari::elements
