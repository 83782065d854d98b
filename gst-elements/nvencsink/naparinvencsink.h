// The GObject half of naparinvencsink: properties, the signal "access-unit", pads and state changes, forwarded to NvencSink.
#pragma once

#include <gst/gst.h>

namespace napari::elements {

class NvencSink;

struct NapariNvencSink {
  GstBin parent;
  NvencSink* impl;  // owned: init makes it, finalize deletes it
};

struct NapariNvencSinkClass {
  GstBinClass parent;
};

// Registered by plugin.cpp as the feature "naparinvencsink".
[[nodiscard]] GType napari_nvenc_sink_get_type();
// Handlers take a GstSample: buffer with frame meta, caps, a plain time segment.
[[nodiscard]] guint access_unit_signal();

inline NapariNvencSink* NAPARI_NVENC_SINK(gpointer object) {
  return static_cast<NapariNvencSink*>(object);
}

}  // namespace napari::elements
