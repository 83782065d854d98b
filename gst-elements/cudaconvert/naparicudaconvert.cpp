#include "cudaconvert/naparicudaconvert.h"

#include <utility>

#include "cudaconvert/convert_caps.hpp"
#include "cudaconvert/picture_convert.hpp"
#include "element_type.hpp"
#include "engine/elements.hpp"
#include "gstx/gst_error.hpp"

GST_DEBUG_CATEGORY_STATIC(napari_cuda_convert_debug);
#define GST_CAT_DEFAULT napari_cuda_convert_debug

namespace {

namespace data = napari::data;
namespace engine = napari::engine;

using napari::elements::PictureConvert;

// The C++ half; init news, finalize deletes.
struct CudaConvert {
  explicit CudaConvert(GstElement* element) : context(element) {}

  PictureConvert pictures;
  engine::CudaContextSlot context;
  bool lost_told{false};  // [stream]
};

struct NapariCudaConvert {
  GstVideoFilter parent;
  CudaConvert* impl;  // owned: init news, finalize deletes
};
struct NapariCudaConvertClass {
  GstVideoFilterClass parent_class;
};

GstBaseTransformClass* parent_class = nullptr;

CudaConvert& impl(gpointer self) { return *static_cast<NapariCudaConvert*>(self)->impl; }

enum Property : guint { kPropNone, kPropFlip, kPropThreads };

void set_property(GObject* self, guint id, const GValue* value, GParamSpec* spec) noexcept {
  switch (id) {
    case kPropFlip:
      impl(self).pictures.flip = g_value_get_boolean(value) != FALSE;
      break;
    case kPropThreads:
      impl(self).pictures.threads = g_value_get_int(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
      break;
  }
}

void get_property(GObject* self, guint id, GValue* value, GParamSpec* spec) noexcept {
  switch (id) {
    case kPropFlip:
      g_value_set_boolean(value, impl(self).pictures.flip);
      break;
    case kPropThreads:
      g_value_set_int(value, impl(self).pictures.threads);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, spec);
      break;
  }
}

// --- caps ---

GstCaps* transform_caps(GstBaseTransform* self, GstPadDirection direction, GstCaps* caps,
                        GstCaps* filter) noexcept {
  GstCaps* all =
      napari::elements::transform_convert_caps(direction, caps, impl(self).pictures.flip);
  if (filter == nullptr) return all;
  GstCaps* some = gst_caps_intersect_full(filter, all, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(all);
  return some;
}

GstCaps* fixate_caps(GstBaseTransform* self, GstPadDirection direction, GstCaps* caps,
                     GstCaps* other) noexcept {
  data::CanvasSize wanted;
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  gst_structure_get_int(structure, "width", &wanted.width_px);
  gst_structure_get_int(structure, "height", &wanted.height_px);
  if (direction == GST_PAD_SINK) wanted = impl(self).pictures.kept_size().value_or(wanted);
  return napari::elements::fixate_convert_caps(other, wanted);
}

gboolean set_info(GstVideoFilter* self, GstCaps* in, GstVideoInfo* in_info, GstCaps* out,
                  GstVideoInfo* out_info) noexcept {
  if (auto set = impl(self).pictures.set_caps({in, *in_info}, {out, *out_info}); !set) {
    gstx::post_error(GST_ELEMENT(self), set.error());
    return FALSE;
  }
  return TRUE;
}

// --- buffers ---

gboolean decide_allocation(GstBaseTransform* self, GstQuery* query) noexcept {
  PictureConvert& pictures = impl(self).pictures;
  if (!pictures.makes_output()) return parent_class->decide_allocation(self, query);
  pictures.set_takes_video_meta(
      gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr) != FALSE);
  // The output brings its own memory.
  while (gst_query_get_n_allocation_pools(query) > 0)
    gst_query_remove_nth_allocation_pool(query, 0);
  return TRUE;
}

gboolean propose_allocation(GstBaseTransform* self, GstQuery* decided, GstQuery* query) noexcept {
  CudaConvert& convert = impl(self);
  if (decided == nullptr || convert.pictures.input_kind() == engine::MemoryKind::system)
    return parent_class->propose_allocation(self, decided, query);
  gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  GstCaps* caps = nullptr;
  gst_query_parse_allocation(query, &caps, nullptr);
  if (convert.pictures.input_kind() != engine::MemoryKind::cuda || caps == nullptr) return TRUE;
  // Without a pool of ours upstream takes one of its own.
  const auto context = convert.context.ensure(-1);
  if (!context) return TRUE;
  const auto pool = engine::make_cuda_pool(*context, caps, 0);
  GstVideoInfo info;
  if (pool && gst_video_info_from_caps(&info, caps) != FALSE)
    gst_query_add_allocation_pool(query, pool->get(), static_cast<guint>(info.size), 0, 0);
  return TRUE;
}

// A picture whose back end is gone is left out; its credit goes back, since the same plan will be drawn again.
GstFlowReturn drop_lost(GstBaseTransform* self, const gstx::Error& error) {
  if (!std::exchange(impl(self).lost_told, true)) gstx::post_warning(GST_ELEMENT(self), error);
  gst_pad_push_event(GST_BASE_TRANSFORM_SINK_PAD(self), engine::make_credit_event());
  return GST_BASE_TRANSFORM_FLOW_DROPPED;
}

GstFlowReturn prepare_output_buffer(GstBaseTransform* self, GstBuffer* in,
                                    GstBuffer** out) noexcept {
  PictureConvert& pictures = impl(self).pictures;
  if (gst_base_transform_is_passthrough(self) != FALSE || !pictures.makes_output())
    return parent_class->prepare_output_buffer(self, in, out);
  auto made = pictures.make_output(in);
  if (!made && made.error().code == gstx::ErrorCode::failed_precondition) return GST_FLOW_FLUSHING;
  if (!made && pictures.is_lost_picture(made.error())) return drop_lost(self, made.error());
  if (!made) {
    gstx::post_error(GST_ELEMENT(self), made.error());
    return GST_FLOW_ERROR;
  }
  impl(self).lost_told = false;
  *out = made->release();
  parent_class->copy_metadata(self, in, *out);
  return GST_FLOW_OK;
}

GstFlowReturn transform(GstBaseTransform* self, GstBuffer* in, GstBuffer* out) noexcept {
  if (impl(self).pictures.makes_output()) return GST_FLOW_OK;  // made when it was prepared
  return parent_class->transform(self, in, out);
}

GstFlowReturn transform_frame(GstVideoFilter* self, GstVideoFrame* in,
                              GstVideoFrame* out) noexcept {
  if (auto converted = impl(self).pictures.convert(*in, *out); !converted) {
    gstx::post_error(GST_ELEMENT(self), converted.error());
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

gboolean transform_meta(GstBaseTransform* self, GstBuffer* out, GstMeta* meta,
                        GstBuffer* in) noexcept {
  if (meta->info->api == engine::frame_meta_api_type()) return TRUE;
  return parent_class->transform_meta(self, out, meta, in);
}

void init(GTypeInstance* instance, gpointer) noexcept {
  auto* self = reinterpret_cast<NapariCudaConvert*>(instance);
  self->impl = new CudaConvert(GST_ELEMENT(self));
  // A frame dropped here would take its credit with it: rate is the source's business.
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

void install_properties(GObjectClass* object) {
  constexpr auto kFlags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  object->set_property = set_property;
  object->get_property = get_property;
  g_object_class_install_property(
      object, kPropFlip,
      g_param_spec_boolean("flip", "Flip",
                           "Write the rows bottom first; no RGBA passes through then", FALSE,
                           kFlags));
  g_object_class_install_property(
      object, kPropThreads,
      g_param_spec_int(
          "threads", "Threads",
          "Threads to convert with; 0: the drawing share of the cores this process may use", 0, 64,
          0, kFlags));
}

void install_metadata(GstElementClass* element) {
  GstCaps* sink = napari::elements::make_convert_sink_caps();
  GstCaps* source = napari::elements::make_convert_source_caps();
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, sink));
  gst_element_class_add_pad_template(
      element, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, source));
  gst_caps_unref(sink);
  gst_caps_unref(source);
  gst_element_class_set_static_metadata(
      element, "napari picture converter", "Filter/Converter/Video/Scaler/Colorspace",
      "Converts RGBA to NV12, I420 or Y444 in limited range (BT.709, or BT.601 by the colorimetry "
      "in the caps), flips it and scales it up to a fixed size; exact to one code value. Where the "
      "picture is: on the CPU, on the GPU that drew it, or in CUDA memory",
      "napari-cuda-server");
}

// --- events, queries, states ---

gboolean query(GstBaseTransform* self, GstPadDirection direction, GstQuery* asked) noexcept {
  if (impl(self).context.answer(asked)) return TRUE;
  return parent_class->query(self, direction, asked);
}

gboolean sink_event(GstBaseTransform* self, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) impl(self).pictures.interrupt();
  if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) impl(self).pictures.resume();
  return parent_class->sink_event(self, event);
}

void set_context(GstElement* self, GstContext* context) noexcept {
  impl(self).context.offer(context);
  GST_ELEMENT_CLASS(parent_class)->set_context(self, context);
}

GstStateChangeReturn change_state(GstElement* self, GstStateChange transition) noexcept {
  // Before the pads are deactivated, which waits for a picture that may be waiting for memory.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) impl(self).pictures.interrupt();
  return GST_ELEMENT_CLASS(parent_class)->change_state(self, transition);
}

void install_vfuncs(GstBaseTransformClass* transform_class) {
  transform_class->passthrough_on_same_caps = TRUE;
  transform_class->transform_caps = transform_caps;
  transform_class->fixate_caps = fixate_caps;
  transform_class->decide_allocation = decide_allocation;
  transform_class->propose_allocation = propose_allocation;
  transform_class->prepare_output_buffer = prepare_output_buffer;
  transform_class->transform = transform;
  transform_class->transform_meta = transform_meta;
  transform_class->query = query;
  transform_class->sink_event = sink_event;
  transform_class->start = [](GstBaseTransform* self) noexcept -> gboolean {
    impl(self).lost_told = false;
    impl(self).pictures.start();
    return TRUE;
  };
  transform_class->stop = [](GstBaseTransform* self) noexcept -> gboolean {
    impl(self).pictures.stop();
    impl(self).context.release();
    return TRUE;
  };
}

void class_init(gpointer klass, gpointer) noexcept {
  GST_DEBUG_CATEGORY_INIT(napari_cuda_convert_debug, "naparicudaconvert", 0, "naparicudaconvert");
  parent_class = static_cast<GstBaseTransformClass*>(g_type_class_peek_parent(klass));
  auto* object = G_OBJECT_CLASS(klass);
  object->finalize = [](GObject* self) noexcept {
    delete reinterpret_cast<NapariCudaConvert*>(self)->impl;
    G_OBJECT_CLASS(parent_class)->finalize(self);
  };
  install_properties(object);

  install_vfuncs(GST_BASE_TRANSFORM_CLASS(klass));
  auto* filter = GST_VIDEO_FILTER_CLASS(klass);
  filter->set_info = set_info;
  filter->transform_frame = transform_frame;
  auto* element = GST_ELEMENT_CLASS(klass);
  element->set_context = set_context;
  element->change_state = change_state;
  install_metadata(element);
}

}  // namespace

GType napari_cuda_convert_get_type() {
  static const GType type =
      napari::elements::ensure_type({.name = "NapariCudaConvert",
                                     .parent = GST_TYPE_VIDEO_FILTER,
                                     .class_size = sizeof(NapariCudaConvertClass),
                                     .class_init = class_init,
                                     .instance_size = sizeof(NapariCudaConvert),
                                     .init = init});
  return type;
}
