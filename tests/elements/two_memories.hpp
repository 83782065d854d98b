// An element for tests that hands on pictures in system memory or in what passes for CUDA memory, whichever downstream prefers, as
// naparicudaconvert does on a GPU: the caps feature is CUDA's, the bytes are ordinary ones, and the engine is told that such
// memory can be had. Threads: as GstBaseTransform's.
#pragma once

#include <gst/gst.h>

namespace napari::elements::testing {

// The element "two-memories"; with `stubborn=true` it never renegotiates once it has caps.
void register_two_memories();

}  // namespace napari::elements::testing
