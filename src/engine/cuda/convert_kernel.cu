// The entry points of the convert kernel: one thread a block of 4 x 2 pixels. What a block does is in convert_block.hpp.
// Compiled by nvcc with the build and by NVRTC for the device found: no other include.
#include "engine/cuda/convert_block.hpp"

using napari::engine::kernel::ConvertJob;

extern "C" {

__global__ void __launch_bounds__(256) napari_convert_420(const ConvertJob job) {
  napari::engine::kernel::convert_block_420<false>(
      job, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
      static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y));
}

__global__ void __launch_bounds__(256) napari_convert_420_enlarged(const ConvertJob job) {
  napari::engine::kernel::convert_block_420<true>(
      job, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
      static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y));
}

__global__ void __launch_bounds__(256) napari_convert_444(const ConvertJob job) {
  napari::engine::kernel::convert_block_444<false>(
      job, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
      static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y));
}

__global__ void __launch_bounds__(256) napari_convert_444_enlarged(const ConvertJob job) {
  napari::engine::kernel::convert_block_444<true>(
      job, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x),
      static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y));
}

}  // extern "C"
