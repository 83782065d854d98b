#include "engine/gpu_fixture.hpp"

#include <algorithm>
#include <vector>

#include <dlfcn.h>

#include "engine/cuda/cuda_converter.hpp"

namespace napari::engine::gpu_test {
namespace {

constexpr std::size_t kFillerBytes = std::size_t{256} << 20;

void copy(GstCudaContext* context, CUDA_MEMCPY2D& rows, std::size_t bytes) {
  if (bytes == 0) return;
  rows.srcPitch = rows.dstPitch = rows.WidthInBytes = bytes;
  rows.Height = 1;
  const PushedCudaContext pushed(context);
  const auto done = check_cuda(CuMemcpy2D(&rows), "copying to or from the GPU");
  EXPECT_TRUE(done) << done.error().message;
}

// GStreamer hands on no events.
struct Events {
  int (*create)(void** event, unsigned flags);
  int (*destroy)(void* event);
  int (*record)(void* event, CUstream stream);
  int (*synchronize)(void* event);
  int (*elapsed)(float* ms, void* start, void* end);
  bool found;
};

Events find_events() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {};
  Events events{};
  events.found = true;
  const auto find = [&](auto& slot, const char* name) {
    slot = reinterpret_cast<std::remove_reference_t<decltype(slot)>>(dlsym(library, name));
    events.found = events.found && slot != nullptr;
  };
  find(events.create, "cuEventCreate");
  find(events.destroy, "cuEventDestroy_v2");
  find(events.record, "cuEventRecord");
  find(events.synchronize, "cuEventSynchronize");
  find(events.elapsed, "cuEventElapsedTime");
  return events;
}

}  // namespace

void GpuTest::SetUp() {
  gst_init(nullptr, nullptr);
  if (const auto loaded = load_cuda(); !loaded) GTEST_SKIP() << loaded.error().message;
  context_ = gstx::Ref<GstCudaContext>::adopt(gst_cuda_context_new(0));
  ASSERT_TRUE(context_.get() != nullptr) << "CUDA device 0 gives no context";
}

DeviceMemory::DeviceMemory(GstCudaContext* context, std::size_t bytes) : context_(context) {
  const PushedCudaContext pushed(context_);
  CUdeviceptr address = 0;
  const auto made = check_cuda(CuMemAlloc(&address, static_cast<unsigned>(bytes)), "CuMemAlloc");
  EXPECT_TRUE(made) << made.error().message;
  address_ = address;
}

DeviceMemory::~DeviceMemory() {
  const PushedCudaContext pushed(context_);
  if (address_ != 0) CuMemFree(address_);
}

void DeviceMemory::upload(std::span<const std::uint8_t> bytes) {
  CUDA_MEMCPY2D rows{};
  rows.srcMemoryType = CU_MEMORYTYPE_HOST;
  rows.srcHost = bytes.data();
  rows.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.dstDevice = address_;
  copy(context_, rows, bytes.size());
}

void DeviceMemory::download(std::span<std::uint8_t> bytes) {
  CUDA_MEMCPY2D rows{};
  rows.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.srcDevice = address_;
  rows.dstMemoryType = CU_MEMORYTYPE_HOST;
  rows.dstHost = bytes.data();
  copy(context_, rows, bytes.size());
}

Stream::Stream(GstCudaContext* context) : context_(context) {
  const PushedCudaContext pushed(context_);
  EXPECT_TRUE(check_cuda(CuStreamCreate(&stream_, CU_STREAM_DEFAULT), "CuStreamCreate"));
}

Stream::~Stream() {
  const PushedCudaContext pushed(context_);
  if (stream_ != nullptr) CuStreamDestroy(stream_);
}

void Stream::wait() const {
  const PushedCudaContext pushed(context_);
  const auto done = check_cuda(CuStreamSynchronize(stream_), "CuStreamSynchronize");
  EXPECT_TRUE(done) << done.error().message;
}

double gpu_time_ms(const Stream& stream, GstCudaContext* context, int runs,
                   const std::function<void()>& work) {
  static const Events kEvents = find_events();
  if (!kEvents.found) return -1;
  const PushedCudaContext pushed(context);
  // Keeps the GPU busy while the CPU enqueues, so that what is measured is the work and not how fast it is handed over.
  const DeviceMemory filler(context, 2 * kFillerBytes);
  CUDA_MEMCPY2D fill{};
  fill.srcMemoryType = fill.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  fill.srcDevice = filler.address();
  fill.dstDevice = filler.address() + kFillerBytes;
  fill.srcPitch = fill.dstPitch = fill.WidthInBytes = 1 << 20;
  fill.Height = kFillerBytes >> 20;
  void* start = nullptr;
  void* end = nullptr;
  kEvents.create(&start, 0);
  kEvents.create(&end, 0);
  std::vector<float> times;
  for (int run = -20; run < runs; ++run) {
    float ms = 0;
    EXPECT_EQ(CuMemcpy2DAsync(&fill, stream.get()), CUDA_SUCCESS);
    kEvents.record(start, stream.get());
    work();
    kEvents.record(end, stream.get());
    kEvents.synchronize(end);
    kEvents.elapsed(&ms, start, end);
    if (run >= 0) times.push_back(ms);
  }
  kEvents.destroy(start);
  kEvents.destroy(end);
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[static_cast<std::size_t>(runs) / 2];
}

}  // namespace napari::engine::gpu_test
