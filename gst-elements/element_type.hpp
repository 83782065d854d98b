// Registers the GTypes of our elements by name, once a process. The server links the plugin statically and may also load
// libgstnaparicuda.so (GST_PLUGIN_PATH): whoever comes second takes the type that is there, where G_DEFINE_TYPE would
// warn and hand out 0. Not for types that are not ours. Threads: any; callers keep the result in a g_once or in class_init.
#pragma once

#include <gst/gst.h>

namespace napari::elements {

struct TypeSpec {
  const char* name;
  GType parent;
  guint class_size;
  GClassInitFunc class_init;
  guint instance_size;
  GInstanceInitFunc init;
};

[[nodiscard]] inline GType ensure_type(const TypeSpec& spec) {
  if (const GType known = g_type_from_name(spec.name); known != G_TYPE_INVALID) return known;
  return g_type_register_static_simple(spec.parent, g_intern_static_string(spec.name),
                                       spec.class_size, spec.class_init, spec.instance_size,
                                       spec.init, GTypeFlags{});
}

// The same for the enumeration behind a property. `values` ends with a zero entry and lives for ever.
[[nodiscard]] inline GType ensure_enum(const char* name, const GEnumValue* values) {
  if (const GType known = g_type_from_name(name); known != G_TYPE_INVALID) return known;
  return g_enum_register_static(g_intern_static_string(name), values);
}

}  // namespace napari::elements
