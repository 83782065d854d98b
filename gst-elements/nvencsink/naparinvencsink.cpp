#include "nvencsink/naparinvencsink.h"

#include <string>
#include <utility>

#include "element_type.hpp"
#include "gstx/gst_error.hpp"
#include "nvencsink/nvenc_sink.hpp"

GST_DEBUG_CATEGORY_STATIC(napari_nvenc_sink_debug);
#define GST_CAT_DEFAULT napari_nvenc_sink_debug

namespace napari::elements {
namespace {

enum Property : guint {
  kPropEncoder = 1,
  kPropBitrate,
  kPropMaxBitrate,
  kPropIdrInterval,
  kPropSettleIdr,
  kPropThreads,
  kPropStallTimeout,
  kPropEncoderReport,
  kPropEncoderName,
  kPropStats,
};

GstBinClass* parent_class_of(gpointer self) {
  return GST_BIN_CLASS(g_type_class_peek(g_type_parent(G_TYPE_FROM_INSTANCE(self))));
}

NvencSink& impl(gpointer self) { return *NAPARI_NVENC_SINK(self)->impl; }

void set_property(GObject* self, guint id, const GValue* value, GParamSpec* spec) noexcept {
  if (id > kPropStallTimeout) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
    return;
  }
  impl(self).shared().settings.with([&](SinkSettings& settings) {
    switch (id) {
      case kPropEncoder: {
        const char* name = g_value_get_string(value);
        settings.encoder = name == nullptr ? "auto" : name;
        break;
      }
      case kPropBitrate:
        settings.bitrate_bps = g_value_get_uint(value);
        break;
      case kPropMaxBitrate:
        settings.max_bitrate_bps = g_value_get_uint(value);
        break;
      case kPropIdrInterval:
        settings.idr_interval_ms = g_value_get_uint(value);
        break;
      case kPropSettleIdr:
        settings.settle_idr = g_value_get_boolean(value) != FALSE;
        break;
      case kPropThreads:
        settings.threads = g_value_get_int(value);
        break;
      case kPropStallTimeout:
        settings.stall_timeout_ms = g_value_get_int(value);
        break;
      default:
        break;
    }
  });
}

void get_property(GObject* self, guint id, GValue* value, GParamSpec* spec) noexcept {
  SinkShared& shared = impl(self).shared();
  const SinkSettings settings = shared.settings.copy();
  switch (id) {
    case kPropEncoder:
      g_value_set_string(value, settings.encoder.c_str());
      break;
    case kPropBitrate:
      g_value_set_uint(value, static_cast<guint>(settings.bitrate_bps));
      break;
    case kPropMaxBitrate:
      g_value_set_uint(value, static_cast<guint>(settings.max_bitrate_bps));
      break;
    case kPropIdrInterval:
      g_value_set_uint(value, static_cast<guint>(settings.idr_interval_ms));
      break;
    case kPropSettleIdr:
      g_value_set_boolean(value, settings.settle_idr ? TRUE : FALSE);
      break;
    case kPropThreads:
      g_value_set_int(value, settings.threads);
      break;
    case kPropStallTimeout:
      g_value_set_int(value, settings.stall_timeout_ms);
      break;
    case kPropEncoderReport:
      g_value_set_string(value, shared.encoder_report.copy().c_str());
      break;
    case kPropEncoderName:
      g_value_set_string(value, shared.encoder_name.copy().c_str());
      break;
    case kPropStats:
      g_value_take_boxed(value, to_structure(impl(self).stats().figures(monotonic_ns())));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
  }
}

GstStateChangeReturn change_state(GstElement* self, GstStateChange transition) noexcept {
  NvencSink& sink = impl(self);
  if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
    auto ready = sink.check();
    if (ready) {
      if (auto candidates = engine::candidates_for(sink.shared().settings.copy().encoder);
          !candidates)
        ready = gstx::fail(candidates.error());
    }
    if (!ready) {
      gstx::post_error(self, ready.error());
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) sink.on_starting();
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) sink.on_stopping();
  const auto result = GST_ELEMENT_CLASS(parent_class_of(self))->change_state(self, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) sink.on_stopped();
  return result;
}

GstPad* request_new_pad(GstElement* self, GstPadTemplate* pad_template, const gchar* name,
                        const GstCaps*) noexcept {
  GstPad* pad = impl(self).request_pad(pad_template, name);
  if (pad == nullptr) {
    GST_WARNING_OBJECT(self, "no pad %s: the name is taken, or queue is not installed", name);
    return nullptr;
  }
  return gst_element_add_pad(self, pad) != FALSE ? pad : nullptr;
}

void install_settings(GObjectClass* object_class) {
  constexpr guint kBitrateMin = 10'000;
  constexpr guint kBitrateMax = 2'000'000'000;
  constexpr guint kBitrateDefault = 12'000'000;
  constexpr guint kIntervalMax = 3'600'000;
  constexpr int kStallMin = 100;
  constexpr int kStallMax = 60'000;
  constexpr int kStallDefault = 4000;
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  constexpr auto kLive = static_cast<GParamFlags>(kFlags | GST_PARAM_MUTABLE_PLAYING);
  constexpr auto kReady = static_cast<GParamFlags>(kFlags | GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object_class, kPropEncoder,
      g_param_spec_string("encoder", "Encoder",
                          "auto (the best that opens), nvenc, x264 or openh264", "auto", kReady));
  g_object_class_install_property(
      object_class, kPropBitrate,
      g_param_spec_uint(
          "bitrate", "Bit rate",
          "Bits a second while the picture moves; a budget a frame times the rate in the caps",
          kBitrateMin, kBitrateMax, kBitrateDefault, kLive));
  g_object_class_install_property(
      object_class, kPropMaxBitrate,
      g_param_spec_uint("max-bitrate", "Highest bit rate",
                        "Bits a second while a still picture settles (0: from size and bit rate)",
                        0, kBitrateMax, 0, kLive));
  g_object_class_install_property(
      object_class, kPropIdrInterval,
      g_param_spec_uint(
          "idr-interval", "IDR interval",
          "Longest time between two IDRs while frames flow, in ms (0: only on request)", 0,
          kIntervalMax, 0, kLive));
  g_object_class_install_property(
      object_class, kPropSettleIdr,
      g_param_spec_boolean(
          "settle-idr", "IDR at rest",
          "The last frame of a picture that settles is an IDR, repeated once after 1 s", FALSE,
          kLive));
  g_object_class_install_property(
      object_class, kPropThreads,
      g_param_spec_int(
          "threads", "Threads",
          "Threads of an encoder on the CPU (0: as many as the process may use: affinity, "
          "control group, Slurm)",
          0, 64, 0, kReady));
  g_object_class_install_property(
      object_class, kPropStallTimeout,
      g_param_spec_int(
          "stall-timeout", "Stall timeout",
          "How long an encoder on a GPU may keep a picture before it is replaced, in ms", kStallMin,
          kStallMax, kStallDefault, kLive));
}

void install_figures(GObjectClass* object_class) {
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property(
      object_class, kPropEncoderReport,
      g_param_spec_string("encoder-report", "Encoder report",
                          "Every candidate passed over with its reason, then the one chosen", "",
                          kFlags));
  g_object_class_install_property(
      object_class, kPropEncoderName,
      g_param_spec_string("encoder-name", "Encoder in use", "Factory name; empty until chosen", "",
                          kFlags));
  g_object_class_install_property(
      object_class, kPropStats,
      g_param_spec_boxed(
          "stats", "Statistics",
          "frames-encoded, keyframes, bytes, encode-ms-p50, and of the last second fps and bitrate",
          GST_TYPE_STRUCTURE, kFlags));
}

void install_pads(GstElementClass* element_class) {
  const auto input = gstx::Ref<GstCaps>::adopt(gst_static_caps_get(input_template()));
  const auto output = gstx::Ref<GstCaps>::adopt(gst_static_caps_get(output_caps()));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, input.get()));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("src_%u", GST_PAD_SRC, GST_PAD_REQUEST, output.get()));
}

void init_class(gpointer g_class, gpointer) {
  GST_DEBUG_CATEGORY_INIT(napari_nvenc_sink_debug, "naparinvencsink", 0, "encode once, fan out");
  auto* const object_class = G_OBJECT_CLASS(g_class);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = [](GObject* self) noexcept {
    NvencSink* const owned = std::exchange(NAPARI_NVENC_SINK(self)->impl, nullptr);
    G_OBJECT_CLASS(parent_class_of(self))->finalize(self);
    delete owned;
  };
  install_settings(object_class);
  install_figures(object_class);
  g_signal_new("access-unit", G_TYPE_FROM_CLASS(g_class), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
               nullptr, G_TYPE_NONE, 1, GST_TYPE_SAMPLE);

  auto* const element_class = GST_ELEMENT_CLASS(g_class);
  element_class->change_state = change_state;
  element_class->request_new_pad = request_new_pad;
  element_class->release_pad = [](GstElement* self, GstPad* pad) noexcept {
    impl(self).release_pad(pad);
  };
  GST_BIN_CLASS(g_class)->handle_message = [](GstBin* self, GstMessage* message) noexcept {
    // Children speak up while the bin is being built, too.
    NvencSink* const built = NAPARI_NVENC_SINK(self)->impl;
    if (built != nullptr && built->absorb(message)) {
      gst_message_unref(message);
      return;
    }
    parent_class_of(self)->handle_message(self, message);
  };
  install_pads(element_class);
  gst_element_class_set_static_metadata(
      element_class, "napari video encoder sink", "Sink/Encoder/Video",
      "Encodes raw video to H.264 once, with low latency, and hands it to any number of consumers "
      "on request pads src_%u. Chooses the encoder by opening it (nvcudah264enc, nvh264enc, "
      "x264enc, "
      "openh264enc) and swaps one that dies. Alone it posts napari-stats messages each second.",
      "napari-cuda-server");
}

void init_instance(GTypeInstance* instance, gpointer) {
  NAPARI_NVENC_SINK(instance)->impl = new NvencSink(GST_BIN(instance));
}

}  // namespace

GType napari_nvenc_sink_get_type() {
  static const GType type = ensure_type({.name = "NapariNvencSink",
                                         .parent = GST_TYPE_BIN,
                                         .class_size = sizeof(NapariNvencSinkClass),
                                         .class_init = init_class,
                                         .instance_size = sizeof(NapariNvencSink),
                                         .init = init_instance});
  return type;
}

guint access_unit_signal() {
  static const guint id = g_signal_lookup("access-unit", napari_nvenc_sink_get_type());
  return id;
}

}  // namespace napari::elements
