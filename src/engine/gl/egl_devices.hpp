// EGL's devices and their displays: which exist, which GPU each one is, and which one is the GPU that was asked for.
// A UUID decides where the driver states one, since CUDA_VISIBLE_DEVICES renumbers CUDA's devices and may not renumber EGL's.
// Holds no context. Threads: any. Ownership: displays belong to the process.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

struct EglDevice {
  void* handle{nullptr};  // EGLDeviceEXT; null: Mesa's surfaceless platform
  int index{-1};
  std::optional<int> cuda_ordinal;
  std::string uuid;  // "GPU-1b2c…", as CUDA prints it; empty: not stated
  std::string extensions;
};

// What `choose_egl_device` looks for.
struct WantedGpu {
  int ordinal{0};
  bool known_to_cuda{false};  // `ordinal` is CUDA's; else it is EGL's index where EGL knows no CUDA
  std::string uuid;           // of CUDA; empty: not known
  std::string name;
};

// Never empty: an error says why there is none.
[[nodiscard]] gstx::Result<std::vector<EglDevice>> list_egl_devices();

// The same UUID, else the same CUDA ordinal, else (a machine without CUDA) the same place in the list. Pure.
[[nodiscard]] gstx::Result<EglDevice> choose_egl_device(const std::vector<EglDevice>& devices,
                                                        const WantedGpu& wanted);

// Asks EGL and CUDA, and chooses. See GlContext::open.
[[nodiscard]] gstx::Result<EglDevice> find_egl_device(int device);

// "GPU-00112233-4455-6677-8899-aabbccddeeff". Pure.
[[nodiscard]] std::string format_gpu_uuid(const std::array<std::uint8_t, 16>& bytes);

// Around EGL's calls on a thread that is not ours: EGL keeps something for every thread that has called it, and libglvnd frees it
// twice where such a thread ends while the process does.
class EglGuest {
 public:
  EglGuest() = default;
  EglGuest(const EglGuest&) = delete;
  EglGuest& operator=(const EglGuest&) = delete;
  ~EglGuest();  // leaves a thread alone that has a context current
};

// An initialised EGLDisplay.
[[nodiscard]] gstx::Result<void*> open_egl_display(const EglDevice& device);

// "EGL_BAD_ALLOC (0x3003)" of the calling thread's last EGL error.
[[nodiscard]] std::string egl_error_text();

}  // namespace napari::engine
