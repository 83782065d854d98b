#include "nvencsink/encoder_slot.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "nvencsink/pad_pair.hpp"

namespace napari::elements {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;

// A session is closed within this time, or its driver hangs.
constexpr std::chrono::milliseconds kDownPatience{700};

// A queue tells what its thread got back only to whoever pushes next, and here nobody does until the picture is out.
class Lookout final : public PadPairHandler {
 public:
  Lookout(int generation, std::function<void(int, const std::string&)> on_failure)
      : generation_(generation), on_failure_(std::move(on_failure)) {}

  GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) override {
    const GstFlowReturn flow = gst_pad_push(source_pad, buffer);
    // Unlinked or flushing, it has been taken away or stopped.
    if (flow < GST_FLOW_EOS)
      on_failure_(generation_, fmt::format("it returned {}", gst_flow_get_name(flow)));
    return flow;
  }

 private:
  const int generation_;
  const std::function<void(int, const std::string&)> on_failure_;
};

GQuark generation_quark() { return g_quark_from_static_string("napari-slot-generation"); }

Result<Ref<GstElement>> make(const char* factory) {
  GstElement* element = gst_element_factory_make(factory, nullptr);
  if (element == nullptr)
    return fail(ErrorCode::not_found, fmt::format("the element {} is not installed", factory));
  return Ref<GstElement>::sink(element);
}

Result<std::vector<Ref<GstElement>>> make_chain(const engine::EncoderCandidate& candidate,
                                                const engine::EncoderSettings& settings,
                                                const std::string& format,
                                                std::shared_ptr<PadPairHandler> lookout) {
  std::vector<Ref<GstElement>> chain;
  if (engine::is_nvenc(candidate.kind)) {
    GSTX_ASSIGN_OR_RETURN(auto queue, make("queue"));
    g_object_set(queue.get(), "max-size-buffers", 1U, "max-size-bytes", 0U, "max-size-time",
                 guint64{0}, "silent", TRUE, nullptr);
    chain.push_back(std::move(queue));
    chain.push_back(make_pad_pair("lookout", std::move(lookout)));
  }
  if (candidate.input_format != nullptr && format != candidate.input_format) {
    GSTX_ASSIGN_OR_RETURN(auto converter, make("videoconvert"));
    chain.push_back(std::move(converter));
  }
  GSTX_ASSIGN_OR_RETURN(auto encoder, engine::make_encoder(candidate, settings));
  chain.push_back(std::move(encoder));
  GSTX_ASSIGN_OR_RETURN(auto filter, make("capsfilter"));
  const auto caps = engine::encoder_output_caps(candidate.kind);
  g_object_set(filter.get(), "caps", caps.get(), nullptr);
  chain.push_back(std::move(filter));
  return chain;
}

}  // namespace

int EncoderSlot::generation_of(GstObject* element) {
  return GPOINTER_TO_INT(g_object_get_qdata(G_OBJECT(element), generation_quark()));
}

void EncoderSlot::remove_elements() {
  if (elements_.empty()) return;
  const bool may_hang = is_threaded();
  encoder_.reset();
  if (may_hang) {
    gst_element_unlink(parts_.before, elements_.front().get());
    gst_element_unlink(elements_.back().get(), parts_.after);
  }
  for (const auto& element : elements_) {
    if (!may_hang) gst_element_set_state(element.get(), GST_STATE_NULL);
    gst_bin_remove(parts_.bin, element.get());
  }
  auto removed = std::exchange(elements_, {});
  if (may_hang) engine::retire_elements(std::move(removed), kDownPatience);
}

void EncoderSlot::clear() {
  remove_elements();
  gst_element_link(parts_.before, parts_.after);
}

void EncoderSlot::cut_off() {
  remove_elements();
  gst_element_unlink(parts_.before, parts_.after);
}

Result<void> EncoderSlot::fill(const engine::EncoderCandidate& candidate,
                               const engine::EncoderSettings& settings, const std::string& format) {
  ++generation_;
  GSTX_ASSIGN_OR_RETURN(auto chain,
                        make_chain(candidate, settings, format,
                                   std::make_shared<Lookout>(generation_, parts_.on_failure)));
  cut_off();
  // The filter comes last, the encoder before it.
  encoder_ = chain[chain.size() - 2];
  elements_ = std::move(chain);
  kind_ = candidate.kind;
  for (const auto& element : elements_) {
    g_object_set_qdata(G_OBJECT(element.get()), generation_quark(), GINT_TO_POINTER(generation_));
    gst_bin_add(parts_.bin, element.get());
  }
  GstElement* previous = parts_.before;
  bool linked = true;
  for (const auto& element : elements_) {
    linked = linked && gst_element_link(previous, element.get()) != FALSE;
    previous = element.get();
  }
  linked = linked && gst_element_link(previous, parts_.after) != FALSE;
  bool running = linked;
  // From the end: a buffer never meets an element that is not up.
  for (auto element = elements_.rbegin(); running && element != elements_.rend(); ++element)
    running = gst_element_sync_state_with_parent(element->get()) != FALSE;
  if (!running)
    return fail(ErrorCode::unsupported, fmt::format("{} {}", candidate.factory,
                                                    linked ? "does not start" : "does not link"));
  return {};
}

}  // namespace napari::elements
