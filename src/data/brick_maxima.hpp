// Builds the brick maxima of a block (defined in render_plan.hpp), for empty-space skipping.
// Threads: any; the work is spread over `threads` threads that end before the call returns.
#pragma once

#include <memory>

#include "data/render_plan.hpp"

namespace napari::data {

[[nodiscard]] std::shared_ptr<const BrickMaxima> make_brick_maxima(const VoxelBlock& block,
                                                                   int threads = 1);

}  // namespace napari::data
