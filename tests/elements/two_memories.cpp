#include "two_memories.hpp"

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include "engine/encoder_memory.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements::testing {
namespace {

constexpr const char* kFeature = "memory:CUDAMemory";

struct TwoMemories {
  GstBaseTransform parent;
  gboolean stubborn;
};
struct TwoMemoriesClass {
  GstBaseTransformClass parent;
};

GstCaps* transform_caps(GstBaseTransform*, GstPadDirection direction, GstCaps* caps,
                        GstCaps* filter) noexcept {
  GstCaps* result = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const GstStructure* fields = gst_caps_get_structure(caps, i);
    if (direction == GST_PAD_SINK)
      gst_caps_append_structure_full(result, gst_structure_copy(fields),
                                     gst_caps_features_new(kFeature, nullptr));
    gst_caps_append_structure(result, gst_structure_copy(fields));
  }
  if (filter == nullptr) return result;
  GstCaps* filtered = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref(result);
  return filtered;
}

gboolean source_event(GstBaseTransform* self, GstEvent* event) noexcept {
  const bool stubborn = reinterpret_cast<TwoMemories*>(self)->stubborn != FALSE;
  if (stubborn && GST_EVENT_TYPE(event) == GST_EVENT_RECONFIGURE) {
    GST_OBJECT_FLAG_UNSET(GST_BASE_TRANSFORM_SRC_PAD(self), GST_PAD_FLAG_NEED_RECONFIGURE);
    gst_event_unref(event);
    return TRUE;
  }
  auto* const parent = GST_BASE_TRANSFORM_CLASS(g_type_class_peek(GST_TYPE_BASE_TRANSFORM));
  return parent->src_event(self, event);
}

void init_class(gpointer g_class, gpointer) noexcept {
  auto* const object_class = G_OBJECT_CLASS(g_class);
  object_class->set_property = [](GObject* self, guint, const GValue* value, GParamSpec*) noexcept {
    reinterpret_cast<TwoMemories*>(self)->stubborn = g_value_get_boolean(value);
  };
  g_object_class_install_property(
      object_class, 1,
      g_param_spec_boolean("stubborn", "stubborn", "stubborn", FALSE, G_PARAM_WRITABLE));
  auto* const transform_class = GST_BASE_TRANSFORM_CLASS(g_class);
  transform_class->transform_caps = transform_caps;
  transform_class->src_event = source_event;
  transform_class->transform_ip = [](GstBaseTransform*, GstBuffer*) noexcept -> GstFlowReturn {
    return GST_FLOW_OK;
  };
  auto* const element_class = GST_ELEMENT_CLASS(g_class);
  const auto any = gstx::Ref<GstCaps>::adopt(gst_caps_from_string("video/x-raw; video/x-raw(ANY)"));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, any.get()));
  gst_element_class_add_pad_template(
      element_class, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, any.get()));
  gst_element_class_set_static_metadata(element_class, "Test double of a GPU converter",
                                        "Filter/Test double", "Changes the memory in the caps",
                                        "napari-cuda-server");
}

}  // namespace

void register_two_memories() {
  static const bool once = [] {
    const GType type = g_type_register_static_simple(
        GST_TYPE_BASE_TRANSFORM, "NapariTestTwoMemories", sizeof(TwoMemoriesClass), init_class,
        sizeof(TwoMemories), nullptr, GTypeFlags{});
    engine::add_device_memory(
        {.feature = kFeature, .usable = [] { return true; }, .make_picture = {}});
    return gst_element_register(nullptr, "two-memories", GST_RANK_NONE, type) != FALSE;
  }();
  g_assert(once);
}

}  // namespace napari::elements::testing
