// Runs a function for 0..count-1 on a few threads that end before the call returns. For conversions and other batch work; a
// running server uses its own pools. Threads: any.
#pragma once

#include <cstdint>
#include <functional>

#include "gstx/result.hpp"

namespace napari::data {

// The first error stops the rest and is returned. `work` runs on several threads at once.
[[nodiscard]] gstx::Result<void> parallel_for(
    std::int64_t count, int threads, const std::function<gstx::Result<void>(std::int64_t)>& work);

}  // namespace napari::data
