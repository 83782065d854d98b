#include "engine/cuda/cuda_converter.hpp"

#include <array>
#include <bit>
#include <string_view>

#include <fmt/format.h>

#include "engine/cuda/convert_job.hpp"
#include "engine/cuda/cuda_driver.hpp"
#include "engine/cuda/gst_cuda.hpp"
#include "engine/cuda/kernel_image.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr unsigned kThreadsAcross = 32;  // a warp reads 512 bytes of a row
constexpr unsigned kThreadsDown = 8;

// CUjit_option
constexpr int kJitErrorLogBuffer = 5;
constexpr int kJitErrorLogBytes = 6;

gstx::Result<CUmodule> load_module(const CudaDriver& driver, const void* image) {
  std::array<char, 1024> log{};
  const std::array names{kJitErrorLogBuffer, kJitErrorLogBytes};
  std::array<void*, 2> values{log.data(), std::bit_cast<void*>(log.size() - 1)};
  void* module = nullptr;
  const CudaResult status =
      driver.module_load_data_ex(&module, image, names.size(), names.data(), values.data());
  if (status == 0) return static_cast<CUmodule>(module);
  const std::string_view first(log.data());
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("{}{}{}", cuda_error_text(driver, status),
                                first.empty() ? "" : ": ", first.substr(0, first.find('\n'))));
}

struct Loaded {
  CUmodule module{};
  std::string origin;
};

// What came with the build; where the driver refuses that or there is none, what NVRTC compiles.
gstx::Result<Loaded> load_kernel(const CudaDriver& driver, int compute, KernelSource source) {
  const EmbeddedKernel embedded =
      source == KernelSource::built ? embedded_convert_kernel() : EmbeddedKernel{};
  std::string reason = "none came with the build";
  if (const std::string origin = embedded_origin(embedded, compute); !origin.empty()) {
    const auto module = load_module(driver, embedded.fatbin.data());
    if (module) return Loaded{*module, origin};
    reason = fmt::format("the driver refuses the kernel of {}: {}", origin, module.error().message);
  } else if (!embedded.fatbin.empty()) {
    reason = fmt::format("{} compiled nothing for compute capability {}.{}", embedded.compiler,
                         compute / 10, compute % 10);
  }
  int version = 0;
  driver.driver_get_version(&version);
  const auto image = compile_kernel(cuda_source("convert_kernel.cu"), compute, version);
  if (!image) {
    return gstx::fail(image.error().code,
                      fmt::format("no convert kernel: {}; {}", reason, image.error().message));
  }
  const auto module = load_module(driver, image->bytes.data());
  if (module) return Loaded{*module, image->origin};
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("no convert kernel: {}; the driver refuses that of {}: {}", reason,
                                image->origin, module.error().message));
}

gstx::Result<int> compute_of(const CudaDriver& driver, GstCudaContext* context) {
  guint ordinal = 0;
  g_object_get(context, "cuda-device-id", &ordinal, nullptr);
  int device = 0;
  int major = 0;
  int minor = 0;
  CudaResult status = driver.device_get(&device, static_cast<int>(ordinal));
  if (status == 0) status = driver.device_get_attribute(&major, kComputeCapabilityMajor, device);
  if (status == 0) status = driver.device_get_attribute(&minor, kComputeCapabilityMinor, device);
  if (status == 0) return 10 * major + minor;
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("the compute capability of CUDA device {} is not known: {}",
                                ordinal, cuda_error_text(driver, status)));
}

class LoadedConverter final : public CudaConverter {
 public:
  LoadedConverter(const CudaDriver& driver, GstCudaContext* context)
      : driver_(driver), context_(gstx::Ref<GstCudaContext>::retain(context)) {}
  ~LoadedConverter() override {
    const PushedCudaContext pushed(context_.get());
    if (pushed && kernel_.module != nullptr) CuModuleUnload(kernel_.module);
  }
  LoadedConverter(const LoadedConverter&) = delete;
  LoadedConverter& operator=(const LoadedConverter&) = delete;

  [[nodiscard]] gstx::Result<void> load(KernelSource source) {
    GSTX_ASSIGN_OR_RETURN(const int compute, compute_of(driver_, context_.get()));
    const PushedCudaContext pushed(context_.get());
    GSTX_TRY(pushed.check());
    GSTX_ASSIGN_OR_RETURN(kernel_, load_kernel(driver_, compute, source));
    for (std::size_t i = 0; i < kKernelNames.size(); ++i) {
      GSTX_TRY(check_cuda(CuModuleGetFunction(&functions_[i], kernel_.module, kKernelNames[i]),
                          kKernelNames[i]));
    }
    return {};
  }

  [[nodiscard]] gstx::Result<void> convert(const CudaPicture& source, const CudaVideo& target,
                                           const ConvertOptions& options, void* stream) override {
    GSTX_ASSIGN_OR_RETURN(kernel::ConvertJob job, plan_convert_job(source, target, options));
    const PushedCudaContext pushed(context_.get());
    GSTX_TRY(pushed.check());
    const auto blocks = [](int extent, int block, unsigned threads) {
      const auto pixels = static_cast<unsigned>(block) * threads;
      return (static_cast<unsigned>(extent) + pixels - 1) / pixels;
    };
    void* parameters[] = {&job};
    return check_cuda(
        CuLaunchKernel(functions_[kernel_index(job, target.layout)],
                       blocks(job.width, kernel::kBlockWidth, kThreadsAcross),
                       blocks(job.height, kernel::kBlockHeight, kThreadsDown), 1, kThreadsAcross,
                       kThreadsDown, 1, 0, static_cast<CUstream>(stream), parameters, nullptr),
        "the convert kernel does not start");
  }

  [[nodiscard]] std::string kernel_origin() const override { return kernel_.origin; }

 private:
  const CudaDriver& driver_;
  gstx::Ref<GstCudaContext> context_;
  Loaded kernel_;
  std::array<CUfunction, kKernelNames.size()> functions_{};
};

}  // namespace

gstx::Result<std::unique_ptr<CudaConverter>> CudaConverter::make(GstCudaContext* context,
                                                                 KernelSource source) {
  if (context == nullptr)
    return gstx::fail(ErrorCode::invalid_argument, "a CUDA converter without a CUDA context");
  GSTX_ASSIGN_OR_RETURN(const CudaDriver* driver, cuda_driver());
  auto converter = std::make_unique<LoadedConverter>(*driver, context);
  GSTX_TRY(converter->load(source));
  return converter;
}

gstx::Result<void> load_cuda() {
  GSTX_TRY(cuda_driver());
  if (gst_cuda_load_library() != FALSE) return {};
  return gstx::fail(ErrorCode::unsupported,
                    "GStreamer's CUDA library (libgstcuda-1.0.so.0) does not know this driver: a "
                    "function that it wants is not there");
}

}  // namespace napari::engine
