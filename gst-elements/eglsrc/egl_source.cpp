#include "eglsrc/egl_source.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <gst/video/video.h>

#include "gstx/gst_error.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/unique.hpp"

GST_DEBUG_CATEGORY_EXTERN(napari_egl_src_debug);
#define GST_CAT_DEFAULT napari_egl_src_debug

namespace napari::elements {
namespace {

std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Negotiated {
  data::CanvasSize size;
  int fps_n{60};
  int fps_d{1};
  GstVideoInfo info{};
};

std::optional<Negotiated> parse(GstCaps* caps) {
  GstVideoInfo info;
  if (caps == nullptr || gst_video_info_from_caps(&info, caps) == FALSE) return std::nullopt;
  if (info.fps_n <= 0 || info.fps_d <= 0) return std::nullopt;
  return Negotiated{{info.width, info.height}, info.fps_n, info.fps_d, info};
}

GstCaps* caps_in(std::span<const engine::MemoryKind> kinds) {
  GstStructure* fields = gst_structure_from_string(
      "video/x-raw, format=(string)RGBA, width=(int)[2, 16384], height=(int)[2, 16384], "
      "framerate=(fraction)[1/1, 240/1], pixel-aspect-ratio=(fraction)1/1",
      nullptr);
  GstCaps* caps = engine::make_caps_for(fields, kinds);
  gst_structure_free(fields);
  return caps;
}

}  // namespace

GstCaps* make_source_caps() {
  return caps_in(std::array{engine::MemoryKind::cuda, engine::MemoryKind::gpu_frame,
                            engine::MemoryKind::system});
}

GstCaps* fixate_source_caps(GstCaps* caps) {
  caps = gst_caps_truncate(gst_caps_make_writable(caps));
  GstStructure* structure = gst_caps_get_structure(caps, 0);
  gst_structure_fixate_field_nearest_int(structure, "width", 1920);
  gst_structure_fixate_field_nearest_int(structure, "height", 1080);
  gst_structure_fixate_field_nearest_fraction(structure, "framerate", 60, 1);
  return gst_caps_fixate(caps);
}

// --- state changes ---

// A data set is opened before there are caps, so that a wrong location fails the state change; where downstream then
// settles on another size, the view is opened again.
data::CanvasSize EglSource::likely_canvas() {
  GstPad* pad = GST_BASE_SRC_PAD(element_);
  auto allowed = gstx::Ref<GstCaps>::adopt(gst_pad_get_allowed_caps(pad));
  if (!allowed || gst_caps_is_empty(allowed.get()) != FALSE)
    allowed = gstx::Ref<GstCaps>::adopt(gst_pad_get_pad_template_caps(pad));
  const auto fixed = gstx::Ref<GstCaps>::adopt(fixate_source_caps(allowed.release()));
  const auto negotiated = parse(fixed.get());
  return negotiated ? negotiated->size : data::CanvasSize{};
}

gstx::Result<void> EglSource::show(data::CanvasSize canvas) {
  view_.reset();
  GSTX_ASSIGN_OR_RETURN(
      view_, runtime::make_standalone_view(location_, canvas, ndisplay_,
                                           [renderer = renderer_](data::RenderPlanPtr plan) {
                                             renderer->submit(std::move(plan));
                                           }));
  view_canvas_ = canvas;
  return {};
}

gstx::Result<void> EglSource::open_location(const Settings& settings) {
  GSTX_ASSIGN_OR_RETURN(auto chosen,
                        engine::make_drawer({.backend = settings.backend,
                                             .device = settings.device,
                                             .draw_threads = data::core_budget().draw_threads}));
  GST_INFO_OBJECT(element_, "draws with %s: %s", chosen.drawer->name().c_str(),
                  chosen.reason.c_str());
  renderer_ =
      std::make_shared<engine::Renderer>(std::move(chosen.drawer), engine::Renderer::Params{});
  draws_with_.with([&](std::string& text) { text = renderer_->drawer_name(); });
  location_ = settings.location;
  ndisplay_ = settings.ndisplay;
  if (auto shown = show(likely_canvas()); !shown) {
    renderer_.reset();
    return gstx::fail(shown.error().code,
                      fmt::format("location '{}': {}", location_, shown.error().message));
  }
  return {};
}

gstx::Result<void> EglSource::start() {
  const Settings settings = settings_.copy();
  GSTX_TRY(engine::check_device_syntax(settings.device));
  int buffers = -1;
  g_object_get(element_, "num-buffers", &buffers, nullptr);
  engine::RenderDelegatePtr delegate = settings.delegate;
  bool continuous = settings.mode == SourceMode::continuous;
  if (delegate == nullptr && !settings.location.empty()) {
    GSTX_TRY(open_location(settings));
    delegate = renderer_;
  } else if (delegate == nullptr) {
    continuous = settings.mode != SourceMode::on_damage;
    pattern_ = std::make_shared<PatternDelegate>(
        PatternDelegate::Params{.pattern = settings.pattern, .moving = continuous});
    delegate = pattern_;
  }
  timed_ = continuous;
  wrap_.start(settings.device, delegate->draws_on_gpu());
  left_out_told_ = false;
  auto pump = std::make_shared<FramePump>(
      delegate, FramePump::Settings{.continuous = continuous,
                                    .endless = buffers < 0,
                                    .settle_frames = settings.settle_frames});
  running_.with([&](Running& running) { running = {std::move(pump), renderer_}; });
  negotiation_due_ = true;
  last_pts_ = GST_CLOCK_TIME_NONE;
  last_frame_id_ = 0;
  latency_reported_ = GST_CLOCK_TIME_NONE;
  return {};
}

void EglSource::stop() {
  view_.reset();
  // Destroyed here and not under the lock: the pump takes leave of its delegate.
  const Running running =
      running_.with([](Running& current) { return std::exchange(current, {}); });
  pattern_.reset();
  renderer_.reset();
  wrap_.stop();
}

void EglSource::interrupt() {
  const Running running = running_.copy();
  if (running.pump != nullptr) running.pump->interrupt();
  if (running.renderer != nullptr) running.renderer->interrupt();
  wrap_.interrupt();
}

void EglSource::resume() {
  wrap_.resume();
  const Running running = running_.copy();
  if (running.renderer != nullptr) running.renderer->resume();
  if (running.pump != nullptr) running.pump->resume();
}

// --- negotiation ---

GstCaps* EglSource::offered_caps() const {
  return pump() != nullptr ? caps_in(wrap_.kinds()) : make_source_caps();
}

GstCaps* EglSource::fixate(GstCaps* caps) const {
  for (const engine::MemoryKind kind : wrap_.kinds()) {
    for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
      if (!engine::allows_memory(caps, i, kind)) continue;
      GstCaps* best = gst_caps_copy_nth(caps, i);
      gst_caps_set_features(best, 0, gst_caps_features_new(engine::feature_of(kind), nullptr));
      gst_caps_unref(caps);
      return fixate_source_caps(best);
    }
  }
  return fixate_source_caps(caps);
}

gstx::Result<void> EglSource::check_refusal() const {
  const auto all = gstx::Ref<GstCaps>::adopt(make_source_caps());
  const auto wanted =
      gstx::Ref<GstCaps>::adopt(gst_pad_peer_query_caps(GST_BASE_SRC_PAD(element_), all.get()));
  if (!wanted) return {};
  const auto wants = [&](engine::MemoryKind kind) {
    for (guint i = 0; i < gst_caps_get_size(wanted.get()); ++i)
      if (engine::allows_memory(wanted.get(), i, kind)) return true;
    return false;
  };
  for (const engine::MemoryKind kind : wrap_.kinds())
    if (wants(kind)) return {};
  for (const engine::MemoryKind kind : {engine::MemoryKind::cuda, engine::MemoryKind::gpu_frame})
    if (wants(kind)) return gstx::fail(wrap_.why_not(kind));
  return {};
}

gstx::Result<bool> EglSource::renegotiate() {
  const data::CanvasSize before = caps_size_;
  if (gst_base_src_negotiate(GST_BASE_SRC(element_)) == FALSE)
    return gstx::fail(gstx::ErrorCode::unsupported,
                      "downstream takes no kind of memory that this source can give now");
  return caps_size_ != before;
}

gstx::Result<void> EglSource::set_caps(GstCaps* caps) {
  const auto negotiated = parse(caps);
  if (!negotiated) {
    const gstx::UniqueString text(gst_caps_to_string(caps));
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("caps need a size and a framerate above 0: {}", text.get()));
  }
  caps_size_ = negotiated->size;
  wrap_.set_caps(caps, negotiated->info);
  interval_ = gst_util_uint64_scale_int(GST_SECOND, negotiated->fps_d, negotiated->fps_n);
  if (const auto pump = this->pump())
    pump->set_frame_rate(static_cast<double>(negotiated->fps_n) / negotiated->fps_d);
  return {};
}

gstx::Result<void> EglSource::apply_negotiation() {
  if (!negotiation_due_) return {};
  negotiation_due_ = false;
  if (const auto pump = this->pump())
    pump->set_credits(engine::query_credit(GST_BASE_SRC_PAD(element_)));
  if (pattern_ != nullptr) pattern_->resize(caps_size_);
  if (view_ != nullptr && view_canvas_ != caps_size_) return show(caps_size_);
  return {};
}

// A picture drawn smaller than the canvas (or a delegate with a canvas of its own) changes the caps, nothing else.
gstx::Result<void> EglSource::follow_size(data::CanvasSize size) {
  if (size == caps_size_) return {};
  const auto current =
      gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(GST_BASE_SRC_PAD(element_)));
  if (!current) return gstx::fail(gstx::ErrorCode::failed_precondition, "no caps were negotiated");
  const auto caps = gstx::Ref<GstCaps>::adopt(gst_caps_copy(current.get()));
  gst_caps_set_simple(caps.get(), "width", G_TYPE_INT, size.width_px, "height", G_TYPE_INT,
                      size.height_px, nullptr);
  if (gst_pad_peer_query_accept_caps(GST_BASE_SRC_PAD(element_), caps.get()) == FALSE ||
      gst_base_src_set_caps(GST_BASE_SRC(element_), caps.get()) == FALSE)
    return gstx::fail(gstx::ErrorCode::unsupported,
                      fmt::format("downstream does not take a picture of {} x {}; "
                                  "naparicudaconvert scales it to a fixed size",
                                  size.width_px, size.height_px));
  return {};
}

// --- buffers ---

// Without CUDA memory after all, the next best kind is negotiated and the same picture goes out in it.
tl::expected<PictureWrap::BufferRef, WrapError> EglSource::wrap(const engine::PicturePtr& picture) {
  auto buffer = wrap_.wrap(picture);
  if (buffer || buffer.error().kind != WrapError::Kind::cuda) return buffer;
  if (auto negotiated = renegotiate(); !negotiated) return buffer;  // that has been said
  gstx::post_warning(GST_ELEMENT(element_), buffer.error().error);
  // A picture drawn smaller than the canvas had changed the caps that are new now.
  if (auto sized = follow_size(picture->size); !sized)
    return tl::make_unexpected(WrapError{WrapError::Kind::fatal, sized.error()});
  return wrap_.wrap(picture);
}

// The credit goes back: the same plan is drawn again, by another back end.
void EglSource::leave_out(FramePump& pump, const gstx::Error& error) {
  if (!std::exchange(left_out_told_, true)) gstx::post_warning(GST_ELEMENT(element_), error);
  pump.grant_credit();
}

GstFlowReturn EglSource::fail_flow(const gstx::Error& error) {
  gstx::post_error(GST_ELEMENT(element_), error);
  return GST_FLOW_ERROR;
}

void EglSource::stamp(GstBuffer* buffer, const FramePump::Outgoing& outgoing, bool repeated) {
  GstClockTime pts = gst_element_get_current_running_time(GST_ELEMENT(element_));
  if (!GST_CLOCK_TIME_IS_VALID(pts))
    pts = GST_CLOCK_TIME_IS_VALID(last_pts_) ? last_pts_ + interval_ : 0;
  if (!repeated) {
    // A new picture shows the moment its drawing began; the latency query tells what came after.
    const auto age = static_cast<GstClockTime>(
        std::max<std::int64_t>(monotonic_ns() - outgoing.info.render_start_ns, 0));
    pts = pts > age ? pts - age : 0;
  }
  if (GST_CLOCK_TIME_IS_VALID(last_pts_) && pts <= last_pts_) pts = last_pts_ + 1;
  last_pts_ = pts;
  GST_BUFFER_PTS(buffer) = pts;
  if (timed_) GST_BUFFER_DURATION(buffer) = interval_;
}

GstFlowReturn EglSource::create(GstBuffer** buffer) {
  const auto pump = this->pump();
  if (pump == nullptr) return GST_FLOW_FLUSHING;
  while (true) {
    if (auto applied = apply_negotiation(); !applied) return fail_flow(applied.error());
    auto outgoing = pump->next();
    if (!outgoing && outgoing.error().code == gstx::ErrorCode::failed_precondition)
      return GST_FLOW_FLUSHING;
    if (!outgoing) return fail_flow(outgoing.error());
    // What was asked for while this waited holds for this picture already.
    const bool other_kind = wrap_.note(*outgoing->picture);
    if (other_kind || gst_pad_needs_reconfigure(GST_BASE_SRC_PAD(element_)) != FALSE) {
      auto resized = renegotiate();
      if (!resized) return GST_FLOW_NOT_NEGOTIATED;
      if (*resized && (pattern_ != nullptr || view_ != nullptr)) continue;
    }
    if (auto sized = follow_size(outgoing->picture->size); !sized) return fail_flow(sized.error());
    auto wrapped = wrap(outgoing->picture);
    if (!wrapped && wrapped.error().kind == WrapError::Kind::interrupted) {
      pump->repaint();  // it was not handed out
      return GST_FLOW_FLUSHING;
    }
    if (!wrapped && wrapped.error().kind == WrapError::Kind::lost) {
      leave_out(*pump, wrapped.error().error);
      continue;
    }
    if (!wrapped && wrapped.error().kind == WrapError::Kind::cuda) return GST_FLOW_NOT_NEGOTIATED;
    if (!wrapped) return fail_flow(wrapped.error().error);
    *buffer = wrapped->release();
    return finish(*buffer, *outgoing);
  }
}

GstFlowReturn EglSource::finish(GstBuffer* buffer, const FramePump::Outgoing& outgoing) {
  left_out_told_ = false;
  const bool repeated = outgoing.info.frame_id == last_frame_id_;
  last_frame_id_ = outgoing.info.frame_id;
  stamp(buffer, outgoing, repeated);
  engine::add_frame_meta(buffer, outgoing.info);
  if (!repeated) report_latency();
  return GST_FLOW_OK;
}

// --- events, queries, figures ---

bool EglSource::handle_event(GstEvent* event) {
  const bool repaint = engine::is_repaint_event(event);
  if (!repaint && !engine::is_credit_event(event)) return false;
  if (const auto pump = this->pump()) repaint ? pump->repaint() : pump->grant_credit();
  return true;
}

GstClockTime EglSource::latency() {
  const auto drawn = static_cast<GstClockTime>(stats().draw_ns_p95);
  latency_reported_ = drawn;
  return drawn;
}

// Drawing that has become slower than what was promised by more than 2 ms and a quarter asks for a new latency.
void EglSource::report_latency() {
  const GstClockTime reported = latency_reported_;
  if (!GST_CLOCK_TIME_IS_VALID(reported)) return;
  const auto drawn = static_cast<GstClockTime>(stats().draw_ns_p95);
  if (drawn <= reported + std::max<GstClockTime>(reported / 4, 2 * GST_MSECOND)) return;
  latency_reported_ = drawn;
  gst_element_post_message(GST_ELEMENT(element_), gst_message_new_latency(GST_OBJECT(element_)));
}

FramePump::Stats EglSource::stats() const {
  const auto pump = this->pump();
  return pump ? pump->stats() : FramePump::Stats{};
}

std::string EglSource::draws_with() const { return draws_with_.copy(); }

}  // namespace napari::elements
