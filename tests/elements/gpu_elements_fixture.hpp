// What the tests of the CUDA road share: the skip where there is no GPU, the comparison with the road through system memory, free
// VRAM. Threads: the test's.
#pragma once

#include <string>

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fakes/wait_until.hpp"
#include "road_rig.hpp"

namespace napari::elements {

inline constexpr const char* kOut = " ! appsink name=out sync=false";

inline std::string cuda_caps(const std::string& fields) {
  return "video/x-raw(memory:CUDAMemory)," + fields;
}

inline bool has_element(const char* factory) {
  const auto found = gstx::Ref<GstElementFactory>::adopt(gst_element_factory_find(factory));
  return static_cast<bool>(found);
}

// Free memory of device 0, of all processes; 0 where the driver does not tell.
inline std::size_t free_vram_bytes() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto retain =
      reinterpret_cast<int (*)(void**, int)>(dlsym(driver, "cuDevicePrimaryCtxRetain"));
  const auto push = reinterpret_cast<int (*)(void*)>(dlsym(driver, "cuCtxPushCurrent_v2"));
  const auto pop = reinterpret_cast<int (*)(void**)>(dlsym(driver, "cuCtxPopCurrent_v2"));
  const auto get_info =
      reinterpret_cast<int (*)(std::size_t*, std::size_t*)>(dlsym(driver, "cuMemGetInfo_v2"));
  static void* const primary = [&] {
    void* context = nullptr;
    return retain(&context, 0) == 0 ? context : nullptr;
  }();
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  if (primary == nullptr || push(primary) != 0) return 0;
  get_info(&free_bytes, &total_bytes);
  void* popped = nullptr;
  pop(&popped);
  return free_bytes;
}

class GpuElements : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto cuda = engine::load_cuda(); !cuda) GTEST_SKIP() << cuda.error().message;
    if (!has_element("cudaupload") || !has_element("cudadownload"))
      GTEST_SKIP() << "GStreamer's nvcodec plug-in has no cudaupload and cudadownload here";
  }

  static void expect_same(const std::string& gpu_line, const std::string& cpu_line,
                          std::size_t count) {
    Road gpu(gpu_line);
    Road cpu(cpu_line);
    const auto from_gpu = gpu.all();
    const auto from_cpu = cpu.all();
    EXPECT_EQ(gpu.errors(), std::vector<std::string>{}) << gpu_line;
    ASSERT_EQ(from_gpu.size(), count) << gpu_line;
    ASSERT_EQ(from_cpu.size(), count) << cpu_line;
    for (std::size_t i = 0; i < count; ++i) {
      const int worst = difference(from_gpu[i], from_cpu[i]);
      EXPECT_GE(worst, 0) << gpu_line << ": another form";
      EXPECT_LE(worst, 1) << gpu_line << ": picture " << i;
      EXPECT_EQ(from_gpu[i].frame_id, i + 1) << gpu_line;
    }
  }
};

}  // namespace napari::elements
