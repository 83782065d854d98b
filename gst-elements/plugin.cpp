// The plugin naparicuda, built twice: as libgstnaparicuda.so, and with GST_PLUGIN_BUILD_STATIC into the server, where
// gst_plugin_naparicuda_register() registers it. Registers everything on every machine: what a machine lacks (a GPU, an
// encoder) is found out when an element starts, and said there.
#include <gst/gst.h>

#include "cudaconvert/naparicudaconvert.h"
#include "eglsrc/naparieglsrc.h"
#include "nvencsink/naparinvencsink.h"

namespace {

// A type of that name may be there already, from the other build of this plugin in the same process.
bool register_element(GstPlugin* plugin, const char* factory, const char* type_name,
                      GType (*get_type)()) {
  GType type = g_type_from_name(type_name);
  if (type == G_TYPE_INVALID) type = get_type();
  return gst_element_register(plugin, factory, GST_RANK_NONE, type) != FALSE;
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
