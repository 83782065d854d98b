#include "engine/pipeline.hpp"

#include <atomic>
#include <utility>

#include <fmt/format.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "engine/access_units.hpp"
#include "engine/element_property.hpp"
#include "engine/frame_meta.hpp"
#include "engine/pipeline_stats.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;

constexpr const char* kSourceFactory = "naparieglsrc";
constexpr const char* kSinkFactory = "naparinvencsink";

ErrorCode code_of(const GError& error) {
  if (g_error_matches(&error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND))
    return ErrorCode::not_found;
  if (g_error_matches(&error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY))
    return ErrorCode::unavailable;
  if (g_error_matches(&error, GST_STREAM_ERROR, GST_STREAM_ERROR_NOT_IMPLEMENTED))
    return ErrorCode::unsupported;
  if (g_error_matches(&error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS))
    return ErrorCode::invalid_argument;
  return ErrorCode::internal;
}

gstx::Error parse_message(GstMessage* message) {
  GError* parsed = nullptr;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
    gst_message_parse_error(message, &parsed, nullptr);
  else
    gst_message_parse_warning(message, &parsed, nullptr);
  const gstx::UniqueError error(parsed);
  const char* source = GST_MESSAGE_SRC(message) != nullptr ? GST_MESSAGE_SRC_NAME(message) : "?";
  return {code_of(*error), fmt::format("{}: {}", source, error->message)};
}

class GstPipelineChain final : public Pipeline {
 public:
  GstPipelineChain(PipelineEvents events, std::shared_ptr<Renderer> renderer,
                   gstx::ContextThread& bus_thread)
      : events_(std::move(events)),
        renderer_(std::move(renderer)),
        bus_thread_(bus_thread),
        pipeline_(gstx::Ref<GstElement>::sink(gst_pipeline_new(nullptr))) {}
  ~GstPipelineChain() override { stop(); }

  [[nodiscard]] gstx::Result<void> build(const std::vector<ElementSpec>& chain);

  [[nodiscard]] gstx::Result<void> start() override;
  void stop() override;
  [[nodiscard]] gstx::Result<void> set(std::string_view element, std::string_view property,
                                       const PropertyValue& value) override;
  void request_keyframe() override;
  [[nodiscard]] PipelineStats stats() const override { return read_pipeline_stats(bin()); }
  [[nodiscard]] std::string dot_graph() const override {
    const gstx::UniqueString dot(gst_debug_bin_to_dot_data(bin(), GST_DEBUG_GRAPH_SHOW_ALL));
    return dot.get();
  }

 private:
  [[nodiscard]] GstBin* bin() const { return GST_BIN(pipeline_.get()); }
  [[nodiscard]] gstx::Result<GstElement*> add(const ElementSpec& spec);
  void watch_source();
  void watch_sink();
  void watch_bus();
  void take_access_unit(GstSample* sample);          // [stream]
  GstPadProbeReturn note_buffer(GstBuffer* buffer);  // [stream]
  void take_message(GstMessage* message);            // [bus thread]
  [[nodiscard]] gstx::Error take_start_error();

  const PipelineEvents events_;
  const std::shared_ptr<Renderer> renderer_;
  gstx::ContextThread& bus_thread_;
  const gstx::Ref<GstElement> pipeline_;
  GstElement* last_{nullptr};  // of the chain; pipeline_ keeps it
  bool running_{false};        // of start and stop, one caller
  GSource* bus_source_{nullptr};

  AccessUnits access_units_;        // [stream]
  bool refused_unit_{false};        // [stream]
  std::uint64_t last_frame_id_{0};  // [stream]
};

// --- building ---

gstx::Result<GstElement*> GstPipelineChain::add(const ElementSpec& spec) {
  const char* name = spec.name.empty() ? nullptr : spec.name.c_str();
  if (name != nullptr) {
    const auto taken = gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(bin(), name));
    if (taken)
      return fail(ErrorCode::invalid_argument, fmt::format("two elements named '{}'", name));
  }
  GstElement* element = gst_element_factory_make(spec.factory.c_str(), name);
  if (element == nullptr)
    return fail(ErrorCode::not_found, fmt::format("no element '{}' on this machine", spec.factory));
  gst_bin_add(bin(), element);
  for (const auto& [property, value] : spec.properties)
    GSTX_TRY(set_element_property(element, property, value));
  if (spec.factory == kSourceFactory) {
    RenderDelegatePtr delegate = renderer_;
    g_object_set(element, "delegate", &delegate, nullptr);
  }
  return element;
}

gstx::Result<void> GstPipelineChain::build(const std::vector<ElementSpec>& chain) {
  if (chain.empty()) return fail(ErrorCode::invalid_argument, "a chain without elements");
  for (const ElementSpec& spec : chain) {
    GSTX_ASSIGN_OR_RETURN(GstElement* const element, add(spec));
    if (last_ != nullptr && gst_element_link(last_, element) == FALSE)
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("{} does not link to {}", GST_OBJECT_NAME(last_), GST_OBJECT_NAME(element)));
    last_ = element;
  }
  watch_source();
  watch_sink();
  return {};
}

void GstPipelineChain::watch_source() {
  GstElement* source = find_by_factory(bin(), kSourceFactory);
  if (source == nullptr || !events_.on_drawn) return;
  const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(source, "src"));
  gst_pad_add_probe(
      pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad*, GstPadProbeInfo* info, gpointer self) noexcept {
        return static_cast<GstPipelineChain*>(self)->note_buffer(GST_PAD_PROBE_INFO_BUFFER(info));
      },
      this, nullptr);
}

void GstPipelineChain::watch_sink() {
  GstElement* sink = find_by_factory(bin(), kSinkFactory);
  if (sink == nullptr) return;
  const auto on_sample = +[](GstElement*, GstSample* sample, gpointer self) noexcept {
    static_cast<GstPipelineChain*>(self)->take_access_unit(sample);
  };
  g_signal_connect(sink, "access-unit", G_CALLBACK(on_sample), this);
}

// --- running ---

void GstPipelineChain::watch_bus() {
  const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
  bus_source_ = gst_bus_create_watch(bus.get());
  const GstBusFunc on_message = [](GstBus*, GstMessage* message,
                                   gpointer self) noexcept -> gboolean {
    static_cast<GstPipelineChain*>(self)->take_message(message);
    return G_SOURCE_CONTINUE;
  };
  g_source_set_callback(bus_source_, G_SOURCE_FUNC(on_message), this, nullptr);
  g_source_attach(bus_source_, bus_thread_.context());
}

// The reason why an element did not start is what it posted; the state change itself only says that it failed.
gstx::Error GstPipelineChain::take_start_error() {
  const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
  const auto message =
      gstx::Ref<GstMessage>::adopt(gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR));
  if (message) return parse_message(message.get());
  return {ErrorCode::internal, "the pipeline does not start, and no element says why"};
}

gstx::Result<void> GstPipelineChain::start() {
  if (running_) return fail(ErrorCode::failed_precondition, "the pipeline is running");
  if (gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    gstx::Error error = take_start_error();
    gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
    return fail(std::move(error));
  }
  watch_bus();
  running_ = true;
  return {};
}

void GstPipelineChain::stop() {
  if (!running_) return;
  running_ = false;
  // Gives up a draw that may still take long; other chains that wait for it draw again.
  renderer_->interrupt();
  gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
  renderer_->resume();
  g_source_destroy(bus_source_);
  g_source_unref(std::exchange(bus_source_, nullptr));
  // A message that is being handled ends before this does.
  if (!bus_thread_.role().is_current()) bus_thread_.run_sync([] {});
  access_units_ = {};
  last_frame_id_ = 0;
  refused_unit_ = false;
}

gstx::Result<void> GstPipelineChain::set(std::string_view element, std::string_view property,
                                         const PropertyValue& value) {
  const std::string name(element);
  const auto found = gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(bin(), name.c_str()));
  if (!found) return fail(ErrorCode::not_found, fmt::format("no element named '{}'", name));
  return set_element_property(found.get(), property, value);
}

void GstPipelineChain::request_keyframe() {
  GstElement* sink = find_by_factory(bin(), kSinkFactory);
  gst_element_send_event(sink != nullptr ? sink : last_,
                         gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 0));
}

// --- callbacks ---

void GstPipelineChain::take_access_unit(GstSample* sample) {
  auto unit = access_units_.take(sample);
  if (!unit) {
    // Once: a stream that is no H.264 would say so in every frame.
    if (unit.error().code != ErrorCode::unavailable && !std::exchange(refused_unit_, true))
      GST_ELEMENT_WARNING(pipeline_.get(), STREAM, FORMAT, ("%s", unit.error().message.c_str()),
                          (nullptr));
    return;
  }
  if (unit->config && events_.on_config) events_.on_config(*unit->config);
  if (events_.on_access_unit) events_.on_access_unit(std::move(unit->frame));
}

GstPadProbeReturn GstPipelineChain::note_buffer(GstBuffer* buffer) {
  const data::FrameInfo* info = find_frame_info(buffer);
  if (info != nullptr && info->frame_id != last_frame_id_) {
    last_frame_id_ = info->frame_id;
    events_.on_drawn(*info);
  }
  return GST_PAD_PROBE_OK;
}

void GstPipelineChain::take_message(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
      if (events_.on_error) events_.on_error(parse_message(message));
      break;
    case GST_MESSAGE_WARNING:
      if (events_.on_warning) events_.on_warning(parse_message(message));
      break;
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency(bin());
      break;
    default:
      break;
  }
}

}  // namespace

gstx::Result<std::unique_ptr<Pipeline>> make_gst_pipeline(const std::vector<ElementSpec>& chain,
                                                          PipelineEvents events,
                                                          std::shared_ptr<Renderer> renderer,
                                                          gstx::ContextThread& bus_thread) {
  auto pipeline =
      std::make_unique<GstPipelineChain>(std::move(events), std::move(renderer), bus_thread);
  GSTX_TRY(pipeline->build(chain));
  return pipeline;
}

}  // namespace napari::engine
