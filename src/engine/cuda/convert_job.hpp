// From pictures in CUDA memory to what the convert kernel is told: checks, factors, and how wide memory may be accessed. Pure; no
// CUDA is needed. Threads: any.
#pragma once

#include <array>
#include <cstddef>

#include "engine/cuda/convert_block.hpp"
#include "engine/cuda/cuda_converter.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// `invalid_argument` as ColorConverter::convert states it.
[[nodiscard]] gstx::Result<kernel::ConvertJob> plan_convert_job(const CudaPicture& source,
                                                                const CudaVideo& target,
                                                                const ConvertOptions& options);

// The entry points of convert_kernel.cu, and which of them a job takes.
inline constexpr std::array kKernelNames{"napari_convert_420", "napari_convert_420_enlarged",
                                         "napari_convert_444", "napari_convert_444_enlarged"};
[[nodiscard]] std::size_t kernel_index(const kernel::ConvertJob& job, VideoLayout layout);

}  // namespace napari::engine
