// Where GLib's structured log of the whole process goes: stderr, as text or as one JSON object a line. Threads: any.
#pragma once

#include "data/config.hpp"

namespace napari::app {

// Call once, before any other thread exists.
void install_log_writer(const data::ServeConfig& config);

}  // namespace napari::app
