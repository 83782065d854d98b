// The plugin naparicuda, built twice: as libgstnaparicuda.so, and with GST_PLUGIN_BUILD_STATIC into the server, where
// gst_plugin_naparicuda_register() registers it. Registers everything on every machine: what a machine lacks (a GPU, an
// encoder) is found out when an element starts, and said there.
#include <gst/gst.h>

#include "cudaconvert/naparicudaconvert.h"
#include "eglsrc/naparieglsrc.h"
#include "nvencsink/naparinvencsink.h"

namespace {

// The other build of this plugin may have come first in this process. Its elements stay: a second factory of the same type
// would leave GStreamer with a class that points to the first one after that is freed.
bool register_element(GstPlugin* plugin, const char* factory, const char* type_name,
                      GType (*get_type)()) {
  const GType type = g_type_from_name(type_name);
  if (type == G_TYPE_INVALID)
    return gst_element_register(plugin, factory, GST_RANK_NONE, get_type()) != FALSE;
  GstElementFactory* known = gst_element_factory_find(factory);
  const bool usable = known != nullptr && gst_element_factory_get_element_type(known) == type;
  gst_clear_object(&known);
  return usable || gst_element_register(plugin, factory, GST_RANK_NONE, type) != FALSE;
}

gboolean plugin_init(GstPlugin* plugin) {
  bool registered = true;
  registered &= register_element(plugin, "naparieglsrc", "NapariEglSrc", napari_egl_src_get_type);
  registered &= register_element(plugin, "naparicudaconvert", "NapariCudaConvert",
                                 napari_cuda_convert_get_type);
  registered &= register_element(plugin, "naparinvencsink", "NapariNvencSink",
                                 napari::elements::napari_nvenc_sink_get_type);
  return registered ? TRUE : FALSE;
}

}  // namespace

extern "C" {
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, naparicuda,
                  "Draws n-dimensional images and sends them as video with low latency",
                  plugin_init, NAPARI_VERSION, "BSD", "napari-cuda-server", "napari-cuda-server")
}
