#include "nvencsink/pad_pair.hpp"

#include <utility>

#include "element_type.hpp"

namespace napari::elements {
namespace {

struct PadPair {
  GstElement parent;
  GstPad* sink;
  GstPad* source;
  std::shared_ptr<PadPairHandler>* handler;  // owned
};

struct PadPairClass {
  GstElementClass parent;
};

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate source_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

PadPair& pair_of(gpointer element) { return *static_cast<PadPair*>(element); }
PadPairHandler& handler_of(GstObject* element) { return **pair_of(element).handler; }

void connect_sink(GstPad* pad) {
  gst_pad_set_chain_function(
      pad, [](GstPad*, GstObject* element, GstBuffer* buffer) noexcept -> GstFlowReturn {
        return handler_of(element).chain(pair_of(element).source, buffer);
      });
  gst_pad_set_event_function(
      pad, [](GstPad* self, GstObject* element, GstEvent* event) noexcept -> gboolean {
        return handler_of(element).sink_event(self, element, event) ? TRUE : FALSE;
      });
  gst_pad_set_query_function(
      pad, [](GstPad* self, GstObject* element, GstQuery* query) noexcept -> gboolean {
        return handler_of(element).sink_query(self, element, query) ? TRUE : FALSE;
      });
}

void connect_source(GstPad* pad) {
  gst_pad_set_event_function(
      pad, [](GstPad* self, GstObject* element, GstEvent* event) noexcept -> gboolean {
        return handler_of(element).source_event(self, element, event) ? TRUE : FALSE;
      });
  gst_pad_set_query_function(
      pad, [](GstPad* self, GstObject* element, GstQuery* query) noexcept -> gboolean {
        return handler_of(element).source_query(self, element, query) ? TRUE : FALSE;
      });
}

void init_pair(GTypeInstance* instance, gpointer) {
  PadPair& pair = pair_of(instance);
  pair.handler = new std::shared_ptr<PadPairHandler>();
  pair.sink = gst_pad_new_from_static_template(&sink_template, "sink");
  pair.source = gst_pad_new_from_static_template(&source_template, "src");
  for (GstPad* pad : {pair.sink, pair.source}) {
    GST_PAD_SET_PROXY_CAPS(pad);
    gst_element_add_pad(&pair.parent, pad);
  }
}

void init_pair_class(gpointer g_class, gpointer) {
  G_OBJECT_CLASS(g_class)->finalize = [](GObject* object) noexcept {
    auto* const parent_class = G_OBJECT_CLASS(g_type_class_peek_parent(G_OBJECT_GET_CLASS(object)));
    delete pair_of(object).handler;
    parent_class->finalize(object);
  };
  auto* const element_class = GST_ELEMENT_CLASS(g_class);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &source_template);
  gst_element_class_set_static_metadata(element_class, "Internal pad pair", "Generic",
                                        "A stage inside naparinvencsink", "napari-cuda-server");
}

GType pair_type() {
  return ensure_type({.name = "NapariPadPair",
                      .parent = GST_TYPE_ELEMENT,
                      .class_size = sizeof(PadPairClass),
                      .class_init = init_pair_class,
                      .instance_size = sizeof(PadPair),
                      .init = init_pair});
}

}  // namespace

bool PadPairHandler::sink_event(GstPad* pad, GstObject* element, GstEvent* event) {
  return gst_pad_event_default(pad, element, event) != FALSE;
}

bool PadPairHandler::source_event(GstPad* pad, GstObject* element, GstEvent* event) {
  return gst_pad_event_default(pad, element, event) != FALSE;
}

bool PadPairHandler::sink_query(GstPad* pad, GstObject* element, GstQuery* query) {
  return gst_pad_query_default(pad, element, query) != FALSE;
}

bool PadPairHandler::source_query(GstPad* pad, GstObject* element, GstQuery* query) {
  return gst_pad_query_default(pad, element, query) != FALSE;
}

gstx::Ref<GstElement> make_pad_pair(const char* name, std::shared_ptr<PadPairHandler> handler) {
  auto element =
      gstx::Ref<GstElement>::sink(GST_ELEMENT(g_object_new(pair_type(), "name", name, nullptr)));
  PadPair& pair = pair_of(element.get());
  *pair.handler = std::move(handler);
  connect_sink(pair.sink);
  connect_source(pair.source);
  return element;
}

bool answer_with_caps(GstQuery* query, GstCaps* caps) {
  if (GST_QUERY_TYPE(query) == GST_QUERY_ACCEPT_CAPS) {
    GstCaps* offered = nullptr;
    gst_query_parse_accept_caps(query, &offered);
    gst_query_set_accept_caps_result(query, gst_caps_can_intersect(offered, caps));
    return true;
  }
  GstCaps* filter = nullptr;
  gst_query_parse_caps(query, &filter);
  const auto result = gstx::Ref<GstCaps>::adopt(
      filter != nullptr ? gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST)
                        : gst_caps_ref(caps));
  gst_query_set_caps_result(query, result.get());
  return true;
}

}  // namespace napari::elements
