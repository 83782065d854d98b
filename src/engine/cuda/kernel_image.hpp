// The convert kernel as the driver loads it: the image that nvcc compiled with the build, where there was an nvcc, or one that NVRTC
// compiles from the embedded source for the device found. NVRTC is loaded at run time. Loads nothing into a GPU. Threads: any.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

// What nvcc gave. Empty where there was no nvcc.
struct EmbeddedKernel {
  std::span<const unsigned char> fatbin;
  std::string_view compiler;           // "nvcc 13.0"
  std::span<const int> architectures;  // 75, 90; of the lowest there is PTX as well
};
[[nodiscard]] EmbeddedKernel embedded_convert_kernel();  // generated

// The source with its include expanded; `name`: "convert_kernel.cu".
[[nodiscard]] std::string_view cuda_source(std::string_view name);  // generated

// "nvcc 13.0, sm_90": what the driver takes of `kernel` on a device of this compute capability (9.0: 90), or empty where there is
// nothing that runs there. Pure.
[[nodiscard]] std::string embedded_origin(const EmbeddedKernel& kernel, int compute);

struct KernelImage {
  std::vector<char> bytes;  // a cubin, or PTX with its final 0
  std::string origin;       // "NVRTC 13.0, sm_90"
};
// `driver_cuda_version` (12040: 12.4) decides which NVRTC is preferred: images of a newer major version may be refused. The
// error is the first one in NVRTC's log, or names the libraries that were looked for.
[[nodiscard]] gstx::Result<KernelImage> compile_kernel(std::string_view source, int compute,
                                                       int driver_cuda_version);

}  // namespace napari::engine
