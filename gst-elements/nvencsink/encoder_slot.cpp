#include "nvencsink/encoder_slot.hpp"

#include <fmt/format.h>

namespace napari::elements {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;

// WebRTC takes no profile above Main, and every decoder takes this one.
constexpr const char* kOutputCaps =
    "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, "
    "profile=(string)constrained-baseline";

Result<Ref<GstElement>> make(const char* factory) {
  GstElement* element = gst_element_factory_make(factory, nullptr);
  if (element == nullptr)
    return fail(ErrorCode::not_found, fmt::format("the element {} is not installed", factory));
  return Ref<GstElement>::sink(element);
}

}  // namespace

void EncoderSlot::remove_elements() {
  for (const auto& element : elements_) {
    gst_element_set_state(element.get(), GST_STATE_NULL);
    gst_bin_remove(bin_, element.get());
  }
  elements_.clear();
  encoder_.reset();
}

void EncoderSlot::clear() {
  if (elements_.empty()) return;
  remove_elements();
  gst_element_link(before_, after_);
}

Result<void> EncoderSlot::fill(const engine::EncoderCandidate& candidate,
                               const engine::EncoderSettings& settings, const std::string& format) {
  std::vector<Ref<GstElement>> chain;
  if (candidate.input_format != nullptr && format != candidate.input_format) {
    GSTX_ASSIGN_OR_RETURN(auto converter, make("videoconvert"));
    chain.push_back(std::move(converter));
  }
  GSTX_ASSIGN_OR_RETURN(auto encoder, engine::make_encoder(candidate, settings));
  chain.push_back(encoder);
  GSTX_ASSIGN_OR_RETURN(auto filter, make("capsfilter"));
  const auto caps = Ref<GstCaps>::adopt(gst_caps_from_string(kOutputCaps));
  g_object_set(filter.get(), "caps", caps.get(), nullptr);
  chain.push_back(std::move(filter));

  remove_elements();
  gst_element_unlink(before_, after_);
  elements_ = std::move(chain);
  encoder_ = std::move(encoder);
  kind_ = candidate.kind;
  for (const auto& element : elements_) gst_bin_add(bin_, element.get());
  GstElement* previous = before_;
  bool linked = true;
  for (const auto& element : elements_) {
    linked = linked && gst_element_link(previous, element.get()) != FALSE;
    previous = element.get();
  }
  linked = linked && gst_element_link(previous, after_) != FALSE;
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
