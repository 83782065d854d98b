// The functions of the NVIDIA driver (libcuda.so.1) that GStreamer does not hand on, found at run time. Needs no cuda.h: numbers and
// opaque pointers only. Not for launching, copying or GL: those are gst/cuda's Cu functions. Threads: any. Ownership: the library
// stays loaded until the process ends.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "gstx/result.hpp"

namespace napari::engine {

using CudaResult = int;  // CUresult; 0: success
struct CudaUuid {
  std::array<unsigned char, 16> bytes;
};

// Named as in the driver's documentation, less the prefix "cu" and the suffix "_v2".
struct CudaDriver {
  CudaResult (*init)(unsigned flags){};
  CudaResult (*driver_get_version)(int* version){};
  CudaResult (*get_error_name)(CudaResult error, const char** text){};
  CudaResult (*get_error_string)(CudaResult error, const char** text){};
  CudaResult (*device_get_count)(int* count){};
  CudaResult (*device_get)(int* device, int ordinal){};
  CudaResult (*device_get_name)(char* name, int bytes, int device){};
  CudaResult (*device_total_mem)(std::size_t* bytes, int device){};
  CudaResult (*device_get_pci_bus_id)(char* text, int bytes, int device){};
  CudaResult (*device_get_attribute)(int* value, int attribute, int device){};
  CudaResult (*device_get_uuid)(CudaUuid* uuid, int device){};  // of a MIG slice: the slice's
  CudaResult (*device_get_parent_uuid)(CudaUuid* uuid, int device){};  // … the GPU's; may be null
  CudaResult (*primary_ctx_retain)(void** context, int device){};
  CudaResult (*primary_ctx_release)(int device){};
  CudaResult (*ctx_push_current)(void* context){};
  CudaResult (*ctx_pop_current)(void** context){};
  CudaResult (*module_load_data_ex)(void** module, const void* image, unsigned options,
                                    const int* names, void** values){};
};

// CUdevice_attribute
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
// CUresult
inline constexpr CudaResult kCudaNoDevice = 100;

// The driver, initialised. `unsupported` says what is missing: the library, a function of it, a device (with the value of
// CUDA_VISIBLE_DEVICES where that hides them), the kernel module.
[[nodiscard]] gstx::Result<const CudaDriver*> cuda_driver();

// What `cuda_driver` does, by steps.
[[nodiscard]] gstx::Result<CudaDriver> open_cuda_driver(const char* library);
[[nodiscard]] gstx::Result<void> init_cuda_driver(const CudaDriver& driver,
                                                  const char* visible_devices);

// "CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected"
[[nodiscard]] std::string cuda_error_text(const CudaDriver& driver, CudaResult error);

}  // namespace napari::engine
