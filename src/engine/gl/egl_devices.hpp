// EGL's devices and their displays: which exist, which CUDA device each one is, and which one an ordinal means.
// Holds no context. Threads: any. Ownership: displays belong to the process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

struct EglDevice {
  void* handle{nullptr};  // EGLDeviceEXT; null: Mesa's surfaceless platform
  int index{-1};
  std::optional<int> cuda_ordinal;
  std::string extensions;
};

// Never empty: an error says why there is none.
[[nodiscard]] gstx::Result<std::vector<EglDevice>> list_egl_devices();

// See GlContext::open. Pure.
[[nodiscard]] gstx::Result<EglDevice> choose_egl_device(const std::vector<EglDevice>& devices,
                                                        int device);

// An initialised EGLDisplay.
[[nodiscard]] gstx::Result<void*> open_egl_display(const EglDevice& device);

// "EGL_BAD_ALLOC (0x3003)" of the calling thread's last EGL error.
[[nodiscard]] std::string egl_error_text();

}  // namespace napari::engine
