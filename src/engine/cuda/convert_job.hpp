// From pictures in CUDA memory to what the convert kernel is told: checks, factors, and how wide memory may be accessed. Pure; no
// CUDA is needed. Threads: any.
#pragma once

#include "engine/cuda/convert_block.hpp"
#include "engine/cuda/cuda_converter.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// `invalid_argument` as ColorConverter::convert states it.
[[nodiscard]] gstx::Result<kernel::ConvertJob> plan_convert_job(const CudaPicture& source,
                                                                const CudaVideo& target,
                                                                const ConvertOptions& options);

// The entry point of convert_kernel.cu for it.
[[nodiscard]] const char* kernel_name(const kernel::ConvertJob& job, VideoLayout layout);

}  // namespace napari::engine
