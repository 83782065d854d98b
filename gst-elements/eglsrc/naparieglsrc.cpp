#include "eglsrc/naparieglsrc.h"

#include "eglsrc/egl_source.hpp"
#include "element_type.hpp"
#include "gstx/gst_error.hpp"

GST_DEBUG_CATEGORY(napari_egl_src_debug);
#define GST_CAT_DEFAULT napari_egl_src_debug

namespace {

using napari::elements::EglSource;
using napari::elements::SourceMode;
namespace engine = napari::engine;

struct NapariEglSrc {
  GstPushSrc parent;
  EglSource* impl;  // owned: init news, finalize deletes
};
struct NapariEglSrcClass {
  GstPushSrcClass parent_class;
};

GstBaseSrcClass* parent_class = nullptr;

EglSource& impl(gpointer self) { return *static_cast<NapariEglSrc*>(self)->impl; }

enum Property : guint {
  kPropNone,
  kPropBackend,
  kPropDevice,
  kPropPattern,
  kPropMode,
  kPropLocation,
  kPropNdisplay,
  kPropSettleFrames,
  kPropDelegate,
  kPropFramesDrawn,
  kPropFramesPushed,
  kPropDrawTime,
  kPropDrawsWith,
};

GType backend_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(engine::BackendChoice::automatic), "What this machine has", "auto"},
      {static_cast<int>(engine::BackendChoice::egl), "GL compute shaders through EGL", "egl"},
      {static_cast<int>(engine::BackendChoice::cpu), "SIMD on the CPU", "cpu"},
      {0, nullptr, nullptr}};
  static const GType type = napari::elements::ensure_enum("NapariEglSrcBackend", values);
  return type;
}

GType pattern_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(engine::TestPattern::gradient), "Two colour ramps that drift", "gradient"},
      {static_cast<int>(engine::TestPattern::bars), "Colour bars and a moving line", "bars"},
      {static_cast<int>(engine::TestPattern::checker), "A drifting checkerboard", "checker"},
      {static_cast<int>(engine::TestPattern::noise), "Uncorrelated noise", "noise"},
      {static_cast<int>(engine::TestPattern::barcode), "Gradient with the frame id as a barcode",
       "barcode"},
      {0, nullptr, nullptr}};
  static const GType type = napari::elements::ensure_enum("NapariEglSrcPattern", values);
  return type;
}

GType mode_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(SourceMode::automatic),
       "on-damage with a data set or a delegate, else continuous", "auto"},
      {static_cast<int>(SourceMode::on_damage), "A frame when there is something new to show",
       "on-damage"},
      {static_cast<int>(SourceMode::continuous), "A frame in every interval", "continuous"},
      {0, nullptr, nullptr}};
  static const GType type = napari::elements::ensure_enum("NapariEglSrcMode", values);
  return type;
}

const char* text_of(const GValue* value, const char* fallback) {
  const char* text = g_value_get_string(value);
  return text != nullptr ? text : fallback;
}

void set_property(GObject* self, guint id, const GValue* value, GParamSpec* spec) noexcept {
  impl(self).with_settings([&](EglSource::Settings& settings) {
    switch (id) {
      case kPropBackend:
        settings.backend = static_cast<engine::BackendChoice>(g_value_get_enum(value));
        break;
      case kPropDevice:
        settings.device = text_of(value, "0");
        break;
      case kPropPattern:
        settings.pattern = static_cast<engine::TestPattern>(g_value_get_enum(value));
        break;
      case kPropMode:
        settings.mode = static_cast<SourceMode>(g_value_get_enum(value));
        break;
      case kPropLocation:
        settings.location = text_of(value, "");
        break;
      case kPropNdisplay:
        settings.ndisplay = g_value_get_int(value);
        break;
      case kPropSettleFrames:
        settings.settle_frames = g_value_get_int(value);
        break;
      case kPropDelegate: {
        const auto* shared =
            static_cast<const engine::RenderDelegatePtr*>(g_value_get_pointer(value));
        settings.delegate = shared != nullptr ? *shared : nullptr;
        break;
      }
      default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
        break;
    }
  });
}

void get_property(GObject* self, guint id, GValue* value, GParamSpec* spec) noexcept {
  const EglSource::Settings settings =
      impl(self).with_settings([](EglSource::Settings& current) { return current; });
  switch (id) {
    case kPropBackend:
      g_value_set_enum(value, static_cast<int>(settings.backend));
      break;
    case kPropDevice:
      g_value_set_string(value, settings.device.c_str());
      break;
    case kPropPattern:
      g_value_set_enum(value, static_cast<int>(settings.pattern));
      break;
    case kPropMode:
      g_value_set_enum(value, static_cast<int>(settings.mode));
      break;
    case kPropLocation:
      g_value_set_string(value, settings.location.c_str());
      break;
    case kPropNdisplay:
      g_value_set_int(value, settings.ndisplay);
      break;
    case kPropSettleFrames:
      g_value_set_int(value, settings.settle_frames);
      break;
    case kPropFramesDrawn:
      g_value_set_uint64(value, impl(self).stats().pictures_drawn);
      break;
    case kPropFramesPushed:
      g_value_set_uint64(value, impl(self).stats().pictures_handed_out);
      break;
    case kPropDrawTime:
      g_value_set_uint64(value, static_cast<guint64>(impl(self).stats().draw_ns_p50));
      break;
    case kPropDrawsWith:
      g_value_set_string(value, impl(self).draws_with().c_str());
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
      break;
  }
}

void init(GTypeInstance* instance, gpointer) noexcept {
  auto* self = reinterpret_cast<NapariEglSrc*>(instance);
  self->impl = new EglSource(GST_PUSH_SRC(self));
  auto* base = GST_BASE_SRC(self);
  gst_base_src_set_live(base, TRUE);
  gst_base_src_set_format(base, GST_FORMAT_TIME);
}

constexpr auto kWritable =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto kReadable = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

void install_settings(GObjectClass* object) {
  const auto install = [object](guint id, GParamSpec* spec) {
    g_object_class_install_property(object, id, spec);
  };
  install(kPropBackend, g_param_spec_enum("backend", "Backend", "What draws a data set (location=)",
                                          backend_type(), 0, kWritable));
  install(kPropDevice,
          g_param_spec_string("device", "Device",
                              "GPU to draw on and whose CUDA memory is handed out: a CUDA ordinal, "
                              "or a UUID as nvidia-smi -L prints it",
                              "0", kWritable));
  install(kPropPattern,
          g_param_spec_enum("pattern", "Pattern", "Test picture, where there is no data set",
                            pattern_type(), 0, kWritable));
  install(kPropMode,
          g_param_spec_enum("mode", "Mode", "When a frame is produced", mode_type(), 0, kWritable));
  install(kPropLocation, g_param_spec_string("location", "Location",
                                             "Data set to draw: the folder of an OME-Zarr image",
                                             nullptr, kWritable));
  install(kPropNdisplay, g_param_spec_int("ndisplay", "Dimensions displayed",
                                          "2: a slice; 3: a maximum projection of the volume", 2, 3,
                                          2, kWritable));
  install(
      kPropSettleFrames,
      g_param_spec_int("settle-frames", "Settle frames",
                       "How often a still picture is handed out again, at the frame rate, for the "
                       "encoder to refine it (mode=on-damage)",
                       0, 120, 8, kWritable));
  install(kPropDelegate,
          g_param_spec_pointer("delegate", "Render delegate",
                               "For the engine: a std::shared_ptr<RenderDelegate>, copied",
                               static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS |
                                                        GST_PARAM_MUTABLE_READY)));
}

void install_figures(GObjectClass* object) {
  const auto install = [object](guint id, GParamSpec* spec) {
    g_object_class_install_property(object, id, spec);
  };
  install(kPropFramesDrawn, g_param_spec_uint64("frames-drawn", "Frames drawn",
                                                "Pictures that differ from the one before", 0,
                                                G_MAXUINT64, 0, kReadable));
  install(kPropFramesPushed, g_param_spec_uint64("frames-pushed", "Frames pushed",
                                                 "Buffers handed out, repeats included", 0,
                                                 G_MAXUINT64, 0, kReadable));
  install(kPropDrawTime, g_param_spec_uint64("draw-time", "Draw time",
                                             "Median time to draw a picture, of the last 64, in ns",
                                             0, G_MAXUINT64, 0, kReadable));
  install(kPropDrawsWith,
          g_param_spec_string("draws-with", "Draws with",
                              "What draws the data set of location=; empty before READY to PAUSED",
                              nullptr, kReadable));
}

void install_state_vfuncs(GstBaseSrcClass* source) {
  source->stop = [](GstBaseSrc* self) noexcept -> gboolean {
    impl(self).stop();
    return TRUE;
  };
  source->unlock = [](GstBaseSrc* self) noexcept -> gboolean {
    impl(self).interrupt();
    return TRUE;
  };
  source->unlock_stop = [](GstBaseSrc* self) noexcept -> gboolean {
    impl(self).resume();
    return TRUE;
  };
  source->is_seekable = [](GstBaseSrc*) noexcept -> gboolean { return FALSE; };
}

// Starts before the base class does, which would post a second error of its own.
GstStateChangeReturn change_state(GstElement* self, GstStateChange transition) noexcept {
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    if (auto started = impl(self).start(); !started) {
      gstx::post_error(self, started.error());
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  const GstStateChangeReturn changed =
      GST_ELEMENT_CLASS(parent_class)->change_state(self, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && changed == GST_STATE_CHANGE_FAILURE)
    impl(self).stop();
  return changed;
}

void install_data_vfuncs(GstBaseSrcClass* source) {
  source->get_caps = [](GstBaseSrc* self, GstCaps* filter) noexcept -> GstCaps* {
    GstCaps* all = impl(self).offered_caps();
    if (filter == nullptr) return all;
    GstCaps* some = gst_caps_intersect_full(filter, all, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(all);
    return some;
  };
  source->fixate = [](GstBaseSrc* self, GstCaps* caps) noexcept -> GstCaps* {
    return impl(self).fixate(caps);
  };
  source->negotiate = [](GstBaseSrc* self) noexcept -> gboolean {
    if (parent_class->negotiate(self) == FALSE) {
      // The base class would say no more than "not negotiated".
      if (auto refusal = impl(self).check_refusal(); !refusal)
        gstx::post_error(GST_ELEMENT(self), refusal.error());
      return FALSE;
    }
    impl(self).negotiated();
    return TRUE;
  };
  source->set_caps = [](GstBaseSrc* self, GstCaps* caps) noexcept -> gboolean {
    if (auto set = impl(self).set_caps(caps); !set) {
      GST_ERROR_OBJECT(self, "%s", set.error().message.c_str());
      return FALSE;
    }
    return TRUE;
  };
  // Pictures bring their own memory: a pool downstream would hold some more for nothing.
  source->decide_allocation = [](GstBaseSrc*, GstQuery* query) noexcept -> gboolean {
    while (gst_query_get_n_allocation_pools(query) > 0)
      gst_query_remove_nth_allocation_pool(query, 0);
    return TRUE;
  };
  source->event = [](GstBaseSrc* self, GstEvent* event) noexcept -> gboolean {
    if (impl(self).handle_event(event)) return TRUE;
    return parent_class->event(self, event);
  };
  source->query = [](GstBaseSrc* self, GstQuery* query) noexcept -> gboolean {
    if (impl(self).cuda_context().answer(query)) return TRUE;
    if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return parent_class->query(self, query);
    // No maximum: a frame that comes late is drawn later, nothing overflows.
    gst_query_set_latency(query, TRUE, impl(self).latency(), GST_CLOCK_TIME_NONE);
    return TRUE;
  };
}

void class_init(gpointer klass, gpointer) noexcept {
  GST_DEBUG_CATEGORY_INIT(napari_egl_src_debug, "naparieglsrc", 0, "naparieglsrc");
  parent_class = static_cast<GstBaseSrcClass*>(g_type_class_peek_parent(klass));

  auto* object = G_OBJECT_CLASS(klass);
  object->finalize = [](GObject* self) noexcept {
    delete reinterpret_cast<NapariEglSrc*>(self)->impl;
    G_OBJECT_CLASS(parent_class)->finalize(self);
  };
  object->set_property = set_property;
  object->get_property = get_property;
  install_settings(object);
  install_figures(object);

  install_state_vfuncs(GST_BASE_SRC_CLASS(klass));
  install_data_vfuncs(GST_BASE_SRC_CLASS(klass));
  GST_PUSH_SRC_CLASS(klass)->create = [](GstPushSrc* self, GstBuffer** buffer) noexcept {
    return impl(self).create(buffer);
  };

  auto* element = GST_ELEMENT_CLASS(klass);
  element->change_state = change_state;
  element->set_context = [](GstElement* self, GstContext* context) noexcept {
    impl(self).cuda_context().offer(context);
    GST_ELEMENT_CLASS(parent_class)->set_context(self, context);
  };
  GstCaps* caps = napari::elements::make_source_caps();
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref(caps);
  gst_element_class_set_static_metadata(
      element, "napari picture source", "Source/Video",
      "Draws an n-dimensional image (location=) or a test pattern, live: a frame when there is "
      "something new to show (mode=on-damage) or in every interval; size, rate and memory (system, "
      "GPU picture, CUDA) by caps",
      "napari-cuda-server");
  gst_type_mark_as_plugin_api(backend_type(), GstPluginAPIFlags{});
  gst_type_mark_as_plugin_api(pattern_type(), GstPluginAPIFlags{});
  gst_type_mark_as_plugin_api(mode_type(), GstPluginAPIFlags{});
}

}  // namespace

GType napari_egl_src_get_type() {
  static const GType type = napari::elements::ensure_type({.name = "NapariEglSrc",
                                                           .parent = GST_TYPE_PUSH_SRC,
                                                           .class_size = sizeof(NapariEglSrcClass),
                                                           .class_init = class_init,
                                                           .instance_size = sizeof(NapariEglSrc),
                                                           .init = init});
  return type;
}
