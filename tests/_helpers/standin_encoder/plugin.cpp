// The test double as a plug-in of its own, for programs that a test starts: GST_PLUGIN_PATH points here and
// NAPARI_STANDIN_RELEASE says which release of GStreamer it passes for. Without that variable it registers nothing.
#include <cstdlib>
#include <string>

#include <gst/gst.h>

#include "_helpers/standin_encoder/standin_encoder.hpp"

namespace {

int after(const std::string& text, const std::string& key) {
  const auto at = text.find(key);
  return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + key.size());
}

gboolean plugin_init(GstPlugin* plugin) {
  using napari::standin::Release;
  const char* release = std::getenv("NAPARI_STANDIN_RELEASE");
  if (release == nullptr) return TRUE;
  const char* orders = std::getenv("NAPARI_STANDIN_ORDERS");
  const std::string text = orders != nullptr ? orders : "";
  napari::standin::set_orders({.refuse = text.find("refuse") != std::string::npos,
                               .die_after = after(text, "die-after="),
                               .stall_after = after(text, "stall-after="),
                               .hold_after = after(text, "hold-after=")});
  const std::string wanted = release;
  const Release known = wanted == "1.22"   ? Release::v1_22
                        : wanted == "1.24" ? Release::v1_24
                                           : Release::v1_26;
  return napari::standin::register_elements(plugin, known) ? TRUE : FALSE;
}

}  // namespace

extern "C" {
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, standinnvenc,
                  "Test double of NVENC elements: x264 inside, never part of the product",
                  plugin_init, "0.1", "BSD", "napari-cuda-server", "napari-cuda-server")
}
