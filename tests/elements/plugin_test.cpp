// Both builds of the plugin in one process: nothing warns, and the elements of whichever came first work.
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "gstx/gst_ref.hpp"

namespace {

std::atomic<int> complaints{0};

void note_log(const char*, GLogLevelFlags level, const char* message, gpointer) {
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_ERROR)) == 0) return;
  ++complaints;
  ADD_FAILURE() << message;
}

bool runs_to_eos(const char* line) {
  const auto pipeline = gstx::Ref<GstElement>::sink(gst_parse_launch(line, nullptr));
  if (!pipeline) return false;
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline.get()));
  const auto message = gstx::Ref<GstMessage>::adopt(
      gst_bus_timed_pop_filtered(bus.get(), 20 * GST_SECOND,
                                 static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  return message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS;
}

constexpr std::array kFactories{"naparieglsrc", "naparicudaconvert", "naparinvencsink"};
constexpr const char* kLine =
    "naparieglsrc num-buffers=5 ! video/x-raw,width=320,height=240,framerate=60/1 ! "
    "naparicudaconvert ! video/x-raw,format=NV12 ! fakesink";

TEST(Plugin, LoadsBesideTheStaticOne) {
  const char* path = std::getenv("NAPARI_TEST_PLUGIN");
  if (path == nullptr) GTEST_SKIP() << "NAPARI_TEST_PLUGIN does not name libgstnaparicuda.so";
  GLogFunc previous = g_log_set_default_handler(note_log, nullptr);
  GError* error = nullptr;
  GstPlugin* plugin = gst_plugin_load_file(path, &error);
  ASSERT_NE(plugin, nullptr) << (error != nullptr ? error->message : "");
  gst_object_unref(plugin);
  for (const char* factory : kFactories) {
    const auto element = gstx::Ref<GstElement>::sink(gst_element_factory_make(factory, nullptr));
    ASSERT_TRUE(element) << factory;
  }
  EXPECT_TRUE(runs_to_eos(kLine));
  g_log_set_default_handler(previous, nullptr);
  EXPECT_EQ(complaints, 0);
}

TEST(Plugin, EveryElementSaysWhatItIs) {
  for (const char* factory : kFactories) {
    const auto element = gstx::Ref<GstElement>::sink(gst_element_factory_make(factory, nullptr));
    ASSERT_TRUE(element) << factory;
    GstElementFactory* made_by = gst_element_get_factory(element.get());
    for (const char* key : {GST_ELEMENT_METADATA_LONGNAME, GST_ELEMENT_METADATA_KLASS,
                            GST_ELEMENT_METADATA_DESCRIPTION})
      EXPECT_NE(gst_element_factory_get_metadata(made_by, key), nullptr) << factory << " " << key;
    guint count = 0;
    GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element.get()), &count);
    for (guint i = 0; i < count; ++i) {
      const char* blurb = g_param_spec_get_blurb(specs[i]);
      EXPECT_TRUE(blurb != nullptr && *blurb != '\0') << factory << "." << specs[i]->name;
    }
    g_free(specs);
  }
}

}  // namespace
