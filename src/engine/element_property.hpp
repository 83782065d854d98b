// Sets an element's property from a value of ours, with the reading of text that gst-launch-1.0 has, and an error where
// GStreamer would warn or clamp. Threads: [any], as the element's property.
#pragma once

#include <string_view>

#include <gst/gst.h>

#include "engine/api.hpp"

namespace napari::engine {

[[nodiscard]] gstx::Result<void> set_element_property(GstElement* element, std::string_view name,
                                                      const PropertyValue& value);

}  // namespace napari::engine
