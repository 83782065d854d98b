// Waiting for the GPU, with a bound: a GPU that hangs or is reset is an error, not a thread that never comes back.
// Threads: [gl].
#pragma once

#include "gstx/result.hpp"

namespace napari::engine {

// Waits until the GPU has done all it was given. An `internal` error where it did not within 20 s, or lost the context: the
// drawer that it belongs to must then be made anew.
[[nodiscard]] gstx::Result<void> finish_gpu(const char* doing);

// Whether the GPU hung or lost its context: it will not come back.
[[nodiscard]] bool is_gpu_lost(const gstx::Error& error);

}  // namespace napari::engine
