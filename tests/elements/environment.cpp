// Brings GStreamer and the static plugin up for every test of this executable. NAPARI_TEST_PLUGIN names libgstnaparicuda.so;
// with NAPARI_TEST_LOAD_FIRST it is loaded before the static one.
#include <cstdlib>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "engine/make_engine.hpp"

namespace {

class GstEnvironment final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("NAPARI_TEST_LOAD_FIRST") != nullptr) {
      gst_init(nullptr, nullptr);
      GstPlugin* plugin = gst_plugin_load_file(std::getenv("NAPARI_TEST_PLUGIN"), nullptr);
      ASSERT_NE(plugin, nullptr);
      gst_object_unref(plugin);
      GstElement* element = gst_element_factory_make("naparieglsrc", nullptr);
      ASSERT_NE(element, nullptr);
      gst_object_unref(element);
    }
    const auto up = napari::engine::ensure_gstreamer();
    ASSERT_TRUE(up) << up.error().message;
  }
};

[[maybe_unused]] const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new GstEnvironment);

}  // namespace
