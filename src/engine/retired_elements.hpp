// Takes elements down that may never come back: an encoder whose driver hangs holds its pad's lock for good, and whoever sets it
// to NULL waits with it. So a thread of its own does that, and the caller waits for a while only. The last reference goes there.
// Threads: any. The number of such threads is bounded by the callers: one an encoder that was given up.
#pragma once

#include <chrono>
#include <vector>

#include <gst/gst.h>

#include "gstx/gst_ref.hpp"

namespace napari::engine {

// Sets `elements` to NULL, the last one first; they are in no bin any more. False: they were not down after `patience`, and
// stay with their thread.
bool retire_elements(std::vector<gstx::Ref<GstElement>> elements,
                     std::chrono::milliseconds patience);

}  // namespace napari::engine
