// GStreamer and our elements, brought up once a process. Threads: any; the first caller waits for it, the others too.
#pragma once

#include "gstx/result.hpp"

namespace napari::engine {

// Installs no signal handler. Registers the elements that are linked in, whatever GST_PLUGIN_PATH brings along.
[[nodiscard]] gstx::Result<void> ensure_gstreamer();

}  // namespace napari::engine
