// A stand-in for the NVIDIA driver's libcuda.so.1, for tests on machines without a GPU: "device" memory is CPU memory, streams are
// done when they are asked, and the convert kernel runs its CPU build (engine/cuda/convert_block.hpp). So everything around the
// kernel runs as with a driver: contexts, pools, mapping, stock elements. It finds work without a current context, and what was
// never given back: a line on stderr at exit, and exit status 3. STANDIN_CUDA_DEVICES: how many devices; 1. No GL, no textures.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "engine/cuda/convert_block.hpp"

namespace {

namespace kernel = napari::engine::kernel;

// CUresult
constexpr int kSuccess = 0;
constexpr int kOutOfMemory = 2;
constexpr int kInvalidDevice = 101;
constexpr int kInvalidContext = 201;
constexpr int kNotSupported = 801;

constexpr std::size_t kAlignment =
    512;  // of a pitch, and what stands before each piece of memory: its size
constexpr std::size_t kMemoryBytes = std::size_t{8} << 30u;
constexpr std::size_t kContextBytes = std::size_t{100} << 20u;

struct Context {
  int device;
};

struct Books {
  std::atomic<long> bytes{0}, contexts{0}, streams{0}, modules{0}, misuses{0};
  ~Books() {
    const bool clean = bytes == 0 && contexts == 0 && streams == 0 && modules == 0 && misuses == 0;
    if (clean) return;
    std::fprintf(stderr,
                 "standin_cuda: left at exit: %ld bytes, %ld contexts, %ld streams, %ld modules; "
                 "%ld calls without a context\n",
                 bytes.load(), contexts.load(), streams.load(), modules.load(), misuses.load());
    _exit(3);
  }
};
Books books;
thread_local std::vector<Context*> current;

bool has_context() {
  if (!current.empty()) return true;
  ++books.misuses;
  return false;
}

int device_count() {
  const char* text = std::getenv("STANDIN_CUDA_DEVICES");
  return text != nullptr ? std::atoi(text) : 1;
}

int allocate(unsigned long long* address, std::size_t bytes) {
  if (!has_context()) return kInvalidContext;
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  auto* memory = static_cast<char*>(std::aligned_alloc(kAlignment, rounded + kAlignment));
  if (memory == nullptr) return kOutOfMemory;
  std::memcpy(memory, &bytes, sizeof bytes);
  std::memset(memory + kAlignment, 0xab, rounded);  // never what a test expects
  books.bytes += static_cast<long>(bytes);
  *address = reinterpret_cast<unsigned long long>(memory + kAlignment);
  return kSuccess;
}

// CUDA_MEMCPY2D
struct Copy2d {
  std::size_t source_x, source_y;
  unsigned source_type;
  const char* source_host;
  unsigned long long source_device;
  void* source_array;
  std::size_t source_pitch;
  std::size_t target_x, target_y;
  unsigned target_type;
  char* target_host;
  unsigned long long target_device;
  void* target_array;
  std::size_t target_pitch;
  std::size_t row_bytes, rows;
};

int copy_rows(const Copy2d& copy) {
  if (!has_context()) return kInvalidContext;
  constexpr unsigned kHost = 1;
  const char* from = copy.source_type == kHost ? copy.source_host
                                               : reinterpret_cast<const char*>(copy.source_device);
  char* to =
      copy.target_type == kHost ? copy.target_host : reinterpret_cast<char*>(copy.target_device);
  from += copy.source_y * copy.source_pitch + copy.source_x;
  to += copy.target_y * copy.target_pitch + copy.target_x;
  for (std::size_t row = 0; row < copy.rows; ++row)
    std::memcpy(to + row * copy.target_pitch, from + row * copy.source_pitch, copy.row_bytes);
  return kSuccess;
}

void run_block(std::string_view name, const kernel::ConvertJob& job, int column, int row) {
  if (name == "napari_convert_420") kernel::convert_block_420<false>(job, column, row);
  if (name == "napari_convert_420_enlarged") kernel::convert_block_420<true>(job, column, row);
  if (name == "napari_convert_444") kernel::convert_block_444<false>(job, column, row);
  if (name == "napari_convert_444_enlarged") kernel::convert_block_444<true>(job, column, row);
}

template <typename T>
void hand_out(void** handle, std::atomic<long>& count) {
  *handle = new T{};
  ++count;
}
struct Stream {
  char unused;
};
struct Module {
  char unused;
};

}  // namespace

extern "C" {

// --- the driver and its devices ---
int cuInit(unsigned) { return kSuccess; }
int cuDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
int cuGetErrorName(int, const char** text) {
  *text = "STANDIN_CUDA_ERROR";
  return kSuccess;
}
int cuGetErrorString(int, const char** text) {
  *text = "an error of the stand-in driver";
  return kSuccess;
}
int cuDeviceGetCount(int* count) {
  *count = device_count();
  return kSuccess;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal >= 0 && ordinal < device_count() ? kSuccess : kInvalidDevice;
}
int cuDeviceGetName(char* name, int bytes, int) {
  std::snprintf(name, static_cast<std::size_t>(bytes), "Stand-in GPU");
  return kSuccess;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = kMemoryBytes;
  return kSuccess;
}
int cuDeviceGetPCIBusId(char* text, int bytes, int device) {
  std::snprintf(text, static_cast<std::size_t>(bytes), "0000:%02x:00.0", device);
  return kSuccess;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  constexpr int kTextureAlignment = 14;
  constexpr int kComputeMajor = 75;
  *value = attribute == kComputeMajor ? 9 : 0;
  if (attribute == kTextureAlignment) *value = static_cast<int>(kAlignment);
  return kSuccess;
}
int cuDeviceGetUuid_v2(void* uuid, int device) {
  std::memset(uuid, device + 1, 16);
  return kSuccess;
}
int cuDeviceGetUuid(void* uuid, int device) { return cuDeviceGetUuid_v2(uuid, device); }
int cuDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return kSuccess;
}

// --- contexts ---
int cuDevicePrimaryCtxRetain(void** context, int device) {
  static Context primary[16];
  if (device < 0 || device >= 16) return kInvalidDevice;
  primary[device].device = device;
  *context = &primary[device];
  return kSuccess;
}
int cuDevicePrimaryCtxRelease_v2(int) { return kSuccess; }
int cuCtxCreate_v2(void** context, unsigned, int device) {
  auto* made = new Context{device};
  ++books.contexts;
  current.push_back(made);
  *context = made;
  return kSuccess;
}
int cuCtxDestroy_v2(void* context) {
  --books.contexts;
  delete static_cast<Context*>(context);
  return kSuccess;
}
int cuCtxPushCurrent_v2(void* context) {
  current.push_back(static_cast<Context*>(context));
  return kSuccess;
}
int cuCtxPopCurrent_v2(void** context) {
  if (!has_context()) return kInvalidContext;
  if (context != nullptr) *context = current.back();
  current.pop_back();
  return kSuccess;
}
int cuCtxEnablePeerAccess(void*, unsigned) { return kNotSupported; }
int cuCtxDisablePeerAccess(void*) { return kNotSupported; }

// --- memory ---
int cuMemGetInfo_v2(std::size_t* free_bytes, std::size_t* total_bytes) {
  *total_bytes = kMemoryBytes;
  *free_bytes = kMemoryBytes - static_cast<std::size_t>(books.bytes) -
                static_cast<std::size_t>(books.contexts) * kContextBytes;
  return kSuccess;
}
int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  return allocate(address, bytes);
}
int cuMemAllocPitch_v2(unsigned long long* address, std::size_t* pitch, std::size_t row_bytes,
                       std::size_t rows, unsigned) {
  *pitch = (row_bytes + kAlignment - 1) / kAlignment * kAlignment;
  return allocate(address, *pitch * rows);
}
int cuMemFree_v2(unsigned long long address) {
  if (!has_context()) return kInvalidContext;
  auto* memory = reinterpret_cast<char*>(address) - kAlignment;
  std::size_t bytes = 0;
  std::memcpy(&bytes, memory, sizeof bytes);
  books.bytes -= static_cast<long>(bytes);
  std::free(memory);
  return kSuccess;
}
int cuMemAllocHost_v2(void** memory, std::size_t bytes) {
  if (!has_context()) return kInvalidContext;
  *memory = std::malloc(bytes);
  return *memory != nullptr ? kSuccess : kOutOfMemory;
}
int cuMemFreeHost(void* memory) {
  std::free(memory);
  return kSuccess;
}
int cuMemcpy2D_v2(const Copy2d* copy) { return copy_rows(*copy); }
int cuMemcpy2DAsync_v2(const Copy2d* copy, void*) { return copy_rows(*copy); }
int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t bytes) {
  if (!has_context()) return kInvalidContext;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kSuccess;
}

// --- streams and kernels ---
int cuStreamCreate(void** stream, unsigned) {
  if (!has_context()) return kInvalidContext;
  hand_out<Stream>(stream, books.streams);
  return kSuccess;
}
int cuStreamDestroy(void* stream) {
  --books.streams;
  delete static_cast<Stream*>(stream);
  return kSuccess;
}
int cuStreamDestroy_v2(void* stream) { return cuStreamDestroy(stream); }
int cuStreamSynchronize(void*) { return has_context() ? kSuccess : kInvalidContext; }
int cuModuleLoadData(void** module, const void*) {
  if (!has_context()) return kInvalidContext;
  hand_out<Module>(module, books.modules);
  return kSuccess;
}
int cuModuleLoadDataEx(void** module, const void* image, unsigned, const int*, void**) {
  return cuModuleLoadData(module, image);
}
int cuModuleUnload(void* module) {
  --books.modules;
  delete static_cast<Module*>(module);
  return kSuccess;
}
int cuModuleGetFunction(void** function, void*, const char* name) {
  *function = const_cast<char*>(name);  // a literal of the caller's
  return kSuccess;
}
// As the driver declares it.
int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned, unsigned block_x,
                   unsigned block_y, unsigned, unsigned, void*, void** parameters, void**) {
  if (!has_context()) return kInvalidContext;
  const auto& job = *static_cast<const kernel::ConvertJob*>(parameters[0]);
  for (unsigned row = 0; row < grid_y * block_y; ++row)
    for (unsigned column = 0; column < grid_x * block_x; ++column)
      run_block(static_cast<const char*>(function), job, static_cast<int>(column),
                static_cast<int>(row));
  return kSuccess;
}

// --- what there is none of, but callers look for ---
int cuTexObjectCreate() { return kNotSupported; }
int cuTexObjectDestroy() { return kNotSupported; }
int cuGraphicsMapResources() { return kNotSupported; }
int cuGraphicsUnmapResources() { return kNotSupported; }
int cuGraphicsSubResourceGetMappedArray() { return kNotSupported; }
int cuGraphicsResourceGetMappedPointer_v2() { return kNotSupported; }
int cuGraphicsResourceSetMapFlags_v2() { return kNotSupported; }
int cuGraphicsUnregisterResource() { return kNotSupported; }
int cuGraphicsGLRegisterImage() { return kNotSupported; }
int cuGraphicsGLRegisterBuffer() { return kNotSupported; }
int cuGLGetDevices_v2() { return kNotSupported; }
}
