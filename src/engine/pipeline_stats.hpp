// Reads a running chain's figures from the properties of its elements, so that `gst-launch-1.0` and the server count with
// the same counters. Threads: [any]. Borrows the bin.
#pragma once

#include <gst/gst.h>

#include "engine/api.hpp"

namespace napari::engine {

[[nodiscard]] PipelineStats read_pipeline_stats(GstBin* bin);

// The first element of `bin` made by `factory`, null where there is none. Borrowed: the bin keeps it.
[[nodiscard]] GstElement* find_by_factory(GstBin* bin, const char* factory);

}  // namespace napari::engine
