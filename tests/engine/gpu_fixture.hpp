// What the tests share that need an NVIDIA GPU: a CUDA context, or the reason why there is none; memory on the GPU; times of the GPU's
// own clock. Threads: the test's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "engine/cuda/gst_cuda.hpp"

namespace napari::engine::gpu_test {

// Skips its tests, saying why, where CUDA device 0 has no context.
class GpuTest : public testing::Test {
 protected:
  void SetUp() override;
  [[nodiscard]] GstCudaContext* context() const { return context_.get(); }

 private:
  gstx::Ref<GstCudaContext> context_;
};

// Linear memory of the context; a test that cannot have it fails.
class DeviceMemory {
 public:
  DeviceMemory(GstCudaContext* context, std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  [[nodiscard]] std::uint64_t address() const { return address_; }
  void upload(std::span<const std::uint8_t> bytes);
  void download(std::span<std::uint8_t> bytes);  // waits for all work on blocking streams

 private:
  GstCudaContext* context_;
  std::uint64_t address_{0};
};

// A stream of the context.
class Stream {
 public:
  explicit Stream(GstCudaContext* context);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] CUstream get() const { return stream_; }
  void wait() const;

 private:
  GstCudaContext* context_;
  CUstream stream_{};
};

// The median time on the GPU of `work`, which enqueues on `stream`, in ms; after warming up. Below 0: the driver has no events.
[[nodiscard]] double gpu_time_ms(const Stream& stream, GstCudaContext* context, int runs,
                                 const std::function<void()>& work);

}  // namespace napari::engine::gpu_test
