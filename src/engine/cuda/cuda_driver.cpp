#include "engine/cuda/cuda_driver.hpp"

#include <cstdlib>

#include <dlfcn.h>
#include <fmt/format.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr const char* kLibrary = "libcuda.so.1";

struct Finder {
  void* library;
  std::string missing;

  template <typename Function>
  void find(Function& slot, const char* name) {
    if (!find_any(slot, name) && missing.empty()) missing = name;
  }
  template <typename Function>
  bool find_any(Function& slot, const char* name) const {
    slot = reinterpret_cast<Function>(dlsym(library, name));
    return slot != nullptr;
  }
};

// What an administrator can do about it, where the driver's own words do not say.
const char* advice_on(CudaResult error) {
  switch (error) {
    case 34:  // CUDA_ERROR_STUB_LIBRARY
      return "; this libcuda.so.1 is the Toolkit's stand-in: install the NVIDIA driver";
    case 802:  // CUDA_ERROR_SYSTEM_NOT_READY
      return "; is nvidia-fabricmanager running?";
    case 803:  // CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
      return "; the driver's library and its kernel module are of different versions: restart the "
             "machine, or use the host's library in the container";
    case 804:  // CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE
      return "; the driver is too old for the CUDA compatibility library that was found: take that "
             "out of LD_LIBRARY_PATH";
    case 999:  // CUDA_ERROR_UNKNOWN
      return "; may this user open /dev/nvidia* (nvidia-uvm among them)?";
    default:
      return "";
  }
}

}  // namespace

gstx::Result<CudaDriver> open_cuda_driver(const char* library) {
  Finder finder{dlopen(library, RTLD_NOW | RTLD_LOCAL), {}};
  if (finder.library == nullptr) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("no NVIDIA driver: {} cannot be loaded", library));
  }
  CudaDriver driver;
  finder.find(driver.init, "cuInit");
  finder.find(driver.driver_get_version, "cuDriverGetVersion");
  finder.find(driver.get_error_name, "cuGetErrorName");
  finder.find(driver.get_error_string, "cuGetErrorString");
  finder.find(driver.device_get_count, "cuDeviceGetCount");
  finder.find(driver.device_get, "cuDeviceGet");
  finder.find(driver.device_get_name, "cuDeviceGetName");
  finder.find(driver.device_total_mem, "cuDeviceTotalMem_v2");
  finder.find(driver.device_get_pci_bus_id, "cuDeviceGetPCIBusId");
  finder.find(driver.device_get_attribute, "cuDeviceGetAttribute");
  // Drivers before 11.4 have the first form only; they know no UUID of a MIG slice apart.
  if (finder.find_any(driver.device_get_uuid, "cuDeviceGetUuid_v2")) {
    finder.find_any(driver.device_get_parent_uuid, "cuDeviceGetUuid");
  } else {
    finder.find(driver.device_get_uuid, "cuDeviceGetUuid");
  }
  finder.find(driver.primary_ctx_retain, "cuDevicePrimaryCtxRetain");
  if (!finder.find_any(driver.primary_ctx_release, "cuDevicePrimaryCtxRelease_v2"))
    finder.find(driver.primary_ctx_release, "cuDevicePrimaryCtxRelease");
  finder.find(driver.ctx_push_current, "cuCtxPushCurrent_v2");
  finder.find(driver.ctx_pop_current, "cuCtxPopCurrent_v2");
  finder.find(driver.module_load_data_ex, "cuModuleLoadDataEx");
  if (!finder.missing.empty()) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("{} has no {}: the NVIDIA driver is too old, or it is not one",
                                  library, finder.missing));
  }
  return driver;
}

gstx::Result<void> init_cuda_driver(const CudaDriver& driver, const char* visible_devices) {
  CudaResult status = driver.init(0);
  int count = 0;
  if (status == 0) status = driver.device_get_count(&count);
  if (status == 0 && count < 1) status = kCudaNoDevice;
  if (status == 0) return {};
  if (status == kCudaNoDevice && visible_devices != nullptr) {
    return gstx::fail(
        ErrorCode::unsupported,
        fmt::format("the NVIDIA driver shows no GPU to this process: CUDA_VISIBLE_DEVICES is "
                    "\"{}\"; unset it, or name a GPU that nvidia-smi -L lists",
                    visible_devices));
  }
  if (status == kCudaNoDevice) {
    return gstx::fail(ErrorCode::unsupported,
                      "the NVIDIA driver is installed but finds no GPU (nvidia-smi -L lists them; "
                      "a job or container must ask for one)");
  }
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("the NVIDIA driver does not start: {}{}",
                                cuda_error_text(driver, status), advice_on(status)));
}

gstx::Result<const CudaDriver*> cuda_driver() {
  static const gstx::Result<CudaDriver> shared = []() -> gstx::Result<CudaDriver> {
    GSTX_ASSIGN_OR_RETURN(const CudaDriver driver, open_cuda_driver(kLibrary));
    GSTX_TRY(init_cuda_driver(driver, std::getenv("CUDA_VISIBLE_DEVICES")));
    return driver;
  }();
  if (!shared) return gstx::fail(shared.error());
  return &*shared;
}

std::string cuda_error_text(const CudaDriver& driver, CudaResult error) {
  const char* name = nullptr;
  const char* text = nullptr;
  if (driver.get_error_name(error, &name) != 0 || name == nullptr) name = "CUDA error";
  if (driver.get_error_string(error, &text) != 0 || text == nullptr) text = "unknown to the driver";
  return fmt::format("{} ({}): {}", name, error, text);
}

}  // namespace napari::engine
