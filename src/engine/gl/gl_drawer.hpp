// The drawer that runs on a GPU: GL compute shaders through EGL, no window system. Draws the picture of docs/drawing.md.
// Also runs on Mesa's llvmpipe, where it is slower than the SIMD drawer: for tests. A build without EGL has these
// functions too; they then say so.
// Its frames (gl_frame.hpp) stay on the GPU; a picture drawn for the CPU is one that is read at once.
// Threads: `draw` blocks its caller while the gl thread draws; any number of callers, one after the other. Make and
// destroy it on any thread but the gl thread, which it shares with its frames: the last of them ends it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/drawer.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct GlDrawerOptions {
  std::int64_t vram_budget_bytes{0};  // for textures; 0: vram_budget_percent of the GPU's memory
  double vram_budget_percent{50};     // 1..90
  bool filter_in_software{false};     // moving volumes as on a GPU (docs/drawing.md): for tests
};

// `device` as in GlContext::open: the CUDA ordinal where EGL knows one, else the index of the EGL device.
[[nodiscard]] gstx::Result<std::unique_ptr<Drawer>> make_gl_drawer(
    int device, const GlDrawerOptions& options = {});

// `unsupported` with the reason where make_gl_drawer(device) would not give a drawer on real graphics hardware: what
// `backend=auto` asks before it falls back to the SIMD drawer.
[[nodiscard]] gstx::Result<void> probe_gl_hardware(int device);

// For `doctor`: a note a device with EGL and GL version, renderer, software or hardware, or why it cannot be used.
struct GlDeviceNote {
  std::optional<int> cuda_ordinal;
  std::string uuid;  // "GPU-…"; empty: EGL states none
  std::string text;
};
[[nodiscard]] std::vector<GlDeviceNote> describe_gl_devices();

}  // namespace napari::engine
