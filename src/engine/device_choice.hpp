// Which GPU `--device` and `device=` mean. Beside engine/cuda/gpu_device.hpp, which knows CUDA's devices only, it knows what the
// option means where there is no CUDA: the place in EGL's own list. Threads: any.
#pragma once

#include <string_view>

#include "engine/cuda/gpu_device.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// The CUDA ordinal of an ordinal or UUID; without CUDA an ordinal is taken as it is, and a UUID is an error that says why.
[[nodiscard]] gstx::Result<int> resolve_device(std::string_view device);

// The same for planted GPUs. Pure.
[[nodiscard]] gstx::Result<int> resolve_device(std::string_view device,
                                               const gstx::Result<GpuList>& gpus);

}  // namespace napari::engine
