// The drawer that runs on the CPU: SIMD kernels over tiles of the picture, spread over a small pool. Draws the picture of
// docs/drawing.md. Threads: as Drawer. Owns: its pool, look-up tables and what it derives from blocks, all bounded.
#pragma once

#include <memory>

#include "engine/drawer.hpp"

namespace napari::engine {

[[nodiscard]] std::unique_ptr<Drawer> make_simd_drawer(int threads);

}  // namespace napari::engine
