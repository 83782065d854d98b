// The NVIDIA GPUs that this process may use, as the CUDA driver lists them (it applies CUDA_VISIBLE_DEVICES), and which one an
// option means. The driver is loaded at run time and needs no cuda.h at build time. Threads: any.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

struct CudaDriver;

struct GpuDevice {
  int cuda_ordinal{0};
  std::string name;
  std::string uuid;     // "GPU-1b2c…", as nvidia-smi prints it; "MIG-…" of a slice
  std::string pci_bus;  // "0000:1b:00.0"
  std::size_t memory_bytes{0};
  int compute_major{0};
  int compute_minor{0};
};

struct GpuList {
  int driver_cuda_version{0};  // 12040: the driver speaks CUDA 12.4
  std::vector<GpuDevice> devices;
};

// The error says what is missing: no driver, a driver too old for its devices, no device visible.
[[nodiscard]] gstx::Result<GpuList> list_gpus();
[[nodiscard]] gstx::Result<GpuList> list_gpus_of(const CudaDriver& driver);  // initialised

// An ordinal ("0") or a UUID ("GPU-…", or a beginning of it that means one device). The error names what there is. Pure.
[[nodiscard]] gstx::Result<int> find_gpu(std::string_view device,
                                         std::span<const GpuDevice> devices);

// Whether `device` has the form of an ordinal (0..255) or a UUID, whatever this machine has. Pure.
[[nodiscard]] gstx::Result<void> check_device_syntax(std::string_view device);

}  // namespace napari::engine
