#include "engine/cuda/kernel_image.hpp"

#include <algorithm>
#include <array>

#include <dlfcn.h>
#include <fmt/format.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;

// ---- the part of NVRTC's interface that compiling takes

struct Nvrtc {
  const char* library{};
  int major{0};
  int minor{0};
  int (*version)(int* major, int* minor){};
  const char* (*get_error_string)(int status){};
  int (*get_num_supported_archs)(int* count){};
  int (*get_supported_archs)(int* architectures){};
  int (*create_program)(void** program, const char* source, const char* name, int headers,
                        const char* const* header_texts, const char* const* header_names){};
  int (*compile_program)(void* program, int count, const char* const* options){};
  int (*destroy_program)(void** program){};
  int (*get_log_size)(void* program, std::size_t* bytes){};
  int (*get_log)(void* program, char* text){};
  int (*get_cubin_size)(void* program, std::size_t* bytes){};
  int (*get_cubin)(void* program, char* image){};
  int (*get_ptx_size)(void* program, std::size_t* bytes){};
  int (*get_ptx)(void* program, char* image){};
};

struct NvrtcLibrary {
  const char* name;
  int major;
};
// Newest first; a name without a version comes with the Toolkit's development files only.
constexpr std::array kLibraries{NvrtcLibrary{"libnvrtc.so.13", 13},
                                NvrtcLibrary{"libnvrtc.so.12", 12},
                                NvrtcLibrary{"libnvrtc.so.11.2", 11},
                                NvrtcLibrary{"/usr/local/cuda/lib64/libnvrtc.so.13", 13},
                                NvrtcLibrary{"/usr/local/cuda/lib64/libnvrtc.so.12", 12},
                                NvrtcLibrary{"/usr/local/cuda/lib64/libnvrtc.so.11.2", 11}};

bool fill(Nvrtc& nvrtc, void* library) {
  bool complete = true;
  const auto find = [&](auto& slot, const char* name) {
    slot = reinterpret_cast<std::remove_reference_t<decltype(slot)>>(dlsym(library, name));
    complete = complete && slot != nullptr;
  };
  find(nvrtc.version, "nvrtcVersion");
  find(nvrtc.get_error_string, "nvrtcGetErrorString");
  find(nvrtc.get_num_supported_archs, "nvrtcGetNumSupportedArchs");
  find(nvrtc.get_supported_archs, "nvrtcGetSupportedArchs");
  find(nvrtc.create_program, "nvrtcCreateProgram");
  find(nvrtc.compile_program, "nvrtcCompileProgram");
  find(nvrtc.destroy_program, "nvrtcDestroyProgram");
  find(nvrtc.get_log_size, "nvrtcGetProgramLogSize");
  find(nvrtc.get_log, "nvrtcGetProgramLog");
  find(nvrtc.get_cubin_size, "nvrtcGetCUBINSize");
  find(nvrtc.get_cubin, "nvrtcGetCUBIN");
  find(nvrtc.get_ptx_size, "nvrtcGetPTXSize");
  find(nvrtc.get_ptx, "nvrtcGetPTX");
  return complete && nvrtc.version(&nvrtc.major, &nvrtc.minor) == 0;
}

gstx::Result<Nvrtc> load_nvrtc(int driver_cuda_version) {
  std::array libraries = kLibraries;
  std::stable_partition(libraries.begin(), libraries.end(), [&](const NvrtcLibrary& library) {
    return library.major <= driver_cuda_version / 1000;
  });
  for (const NvrtcLibrary& candidate : libraries) {
    void* const library = dlopen(candidate.name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    Nvrtc nvrtc{.library = candidate.name};
    if (fill(nvrtc, library)) return nvrtc;
  }
  return gstx::fail(ErrorCode::unsupported,
                    "NVRTC is not installed: none of libnvrtc.so.13, libnvrtc.so.12 and "
                    "libnvrtc.so.11.2 can be loaded (it comes with the CUDA Toolkit, or as the "
                    "package cuda-nvrtc)");
}

// The first line that says error, else the first one.
std::string first_error(std::string_view log) {
  std::string_view first;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(log.size(), line.size() + 1));
    if (line.find("error") != std::string_view::npos) return std::string(line.substr(0, 300));
    if (first.empty()) first = line;
  }
  return std::string(first.substr(0, 300));
}

// The newest architecture that the library compiles for and the device runs.
gstx::Result<int> target_of(const Nvrtc& nvrtc, int compute) {
  int count = 0;
  std::vector<int> known;
  if (nvrtc.get_num_supported_archs(&count) == 0 && count > 0 && count < 1000) {
    known.resize(static_cast<std::size_t>(count));
    if (nvrtc.get_supported_archs(known.data()) != 0) known.clear();
  }
  int best = 0;
  for (const int architecture : known) {
    if (architecture <= compute) best = std::max(best, architecture);
  }
  if (best > 0) return best;
  return gstx::fail(
      ErrorCode::unsupported,
      fmt::format("NVRTC {}.{} ({}) does not compile for compute capability {}.{}", nvrtc.major,
                  nvrtc.minor, nvrtc.library, compute / 10, compute % 10));
}

class Program {
 public:
  explicit Program(const Nvrtc& nvrtc) : nvrtc_(nvrtc) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (program_ != nullptr) nvrtc_.destroy_program(&program_);
  }

  gstx::Result<KernelImage> compile(const std::string& source, int compute) {
    GSTX_ASSIGN_OR_RETURN(const int target, target_of(nvrtc_, compute));
    // Only the exact device's code is taken as it is; PTX runs on whatever is newer.
    const bool exact = target == compute;
    const std::string architecture =
        fmt::format("--gpu-architecture={}_{}", exact ? "sm" : "compute", target);
    const std::array<const char*, 2> options{architecture.c_str(), "--std=c++17"};
    int status =
        nvrtc_.create_program(&program_, source.c_str(), "convert_kernel.cu", 0, nullptr, nullptr);
    if (status == 0) status = nvrtc_.compile_program(program_, int{options.size()}, options.data());
    if (status != 0) return failed(status);
    KernelImage image;
    std::size_t bytes = 0;
    status =
        exact ? nvrtc_.get_cubin_size(program_, &bytes) : nvrtc_.get_ptx_size(program_, &bytes);
    if (status != 0 || bytes == 0) return failed(status);
    image.bytes.resize(bytes);
    status = exact ? nvrtc_.get_cubin(program_, image.bytes.data())
                   : nvrtc_.get_ptx(program_, image.bytes.data());
    if (status != 0) return failed(status);
    image.origin = fmt::format("NVRTC {}.{}, {}{}", nvrtc_.major, nvrtc_.minor,
                               exact ? "sm_" : "PTX of compute_", target);
    return image;
  }

 private:
  tl::unexpected<gstx::Error> failed(int status) {
    std::size_t bytes = 0;
    std::string log;
    if (program_ != nullptr && nvrtc_.get_log_size(program_, &bytes) == 0 && bytes > 1) {
      log.resize(bytes);
      if (nvrtc_.get_log(program_, log.data()) != 0) log.clear();
    }
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("NVRTC {}.{} ({}) does not compile the kernel: {}: {}",
                                  nvrtc_.major, nvrtc_.minor, nvrtc_.library,
                                  nvrtc_.get_error_string(status), first_error(log.c_str())));
  }

  const Nvrtc& nvrtc_;
  void* program_{nullptr};
};

}  // namespace

std::string embedded_origin(const EmbeddedKernel& kernel, int compute) {
  if (kernel.fatbin.empty() || kernel.architectures.empty()) return {};
  // Machine code runs on later devices of the same major version; PTX is translated for any later one.
  int best = 0;
  for (const int architecture : kernel.architectures) {
    if (architecture / 10 == compute / 10 && architecture <= compute)
      best = std::max(best, architecture);
  }
  if (best > 0) return fmt::format("{}, sm_{}", kernel.compiler, best);
  const int lowest = *std::min_element(kernel.architectures.begin(), kernel.architectures.end());
  if (lowest > compute) return {};
  return fmt::format("{}, PTX of compute_{}", kernel.compiler, lowest);
}

gstx::Result<KernelImage> compile_kernel(std::string_view source, int compute,
                                         int driver_cuda_version) {
  GSTX_ASSIGN_OR_RETURN(const Nvrtc nvrtc, load_nvrtc(driver_cuda_version));
  return Program(nvrtc).compile(std::string(source), compute);
}

}  // namespace napari::engine
