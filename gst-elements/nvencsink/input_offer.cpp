#include "nvencsink/input_offer.hpp"

#include <span>
#include <utility>

namespace napari::elements {
namespace {

using gstx::Ref;

GstStaticCaps* system_caps() {
  static GstStaticCaps caps = GST_STATIC_CAPS(
      "video/x-raw, format=(string){ NV12, I420 }, width=(int)[ 16, 8192 ], "
      "height=(int)[ 16, 8192 ], framerate=(fraction)[ 0, max ]");
  return &caps;
}

Ref<GstCaps> caps_for(std::span<const engine::EncoderCandidate> candidates) {
  const auto system = Ref<GstCaps>::adopt(gst_static_caps_get(system_caps()));
  return engine::encoder_input_caps(candidates, gst_caps_get_structure(system.get(), 0));
}

}  // namespace

GstStaticCaps* input_template() {
  static GstStaticCaps caps = GST_STATIC_CAPS(
      "video/x-raw(memory:CUDAMemory), format=(string)NV12, width=(int)[ 16, 8192 ], "
      "height=(int)[ 16, 8192 ], framerate=(fraction)[ 0, max ]; "
      "video/x-raw, format=(string){ NV12, I420 }, width=(int)[ 16, 8192 ], "
      "height=(int)[ 16, 8192 ], framerate=(fraction)[ 0, max ]");
  return &caps;
}

InputOffer::InputOffer() { open("auto"); }

void InputOffer::open(const std::string& choice) {
  const auto candidates = engine::candidates_for(choice);
  auto caps = candidates ? caps_for(*candidates) : caps_for({});
  caps_.with([&](auto& current) { std::swap(current, caps); });
}

void InputOffer::narrow(const engine::EncoderCandidate& candidate) {
  auto caps = caps_for(std::span(&candidate, 1));
  caps_.with([&](auto& current) { std::swap(current, caps); });
}

}  // namespace napari::elements
