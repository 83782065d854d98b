// What `doctor` says about GPUs: facts of each one in lines, and the road a picture would take with the reason. The wording is pure,
// so that it is tested without a GPU; gathering the facts is apart. Threads: any; gathering opens contexts and takes a while.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cuda/gpu_device.hpp"
#include "engine/cuda/video_codecs.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct GpuFacts {
  GpuDevice device;
  std::string driver;  // "580.65.06"; empty: not known
  int driver_cuda_version{0};
  std::vector<std::string> graphics;  // how EGL describes it; empty: EGL does not offer it
  gstx::Result<std::string> kernel;   // where the CUDA kernel of this GPU comes from
  NvencFacts nvenc;
  NvdecFacts nvdec;
};
[[nodiscard]] std::vector<std::string> describe_gpu(const GpuFacts& facts);

struct GpuReport {
  gstx::Result<std::vector<GpuFacts>> gpus;  // the error: why there is none
  std::vector<std::string> other_graphics;   // EGL devices that are none of them
  gstx::Result<void> cuda;                   // the error: why nothing can be done in CUDA memory
};
[[nodiscard]] GpuReport gather_gpus();

// A line each, without the road.
[[nodiscard]] std::vector<std::string> describe_gpus(const GpuReport& report);

struct RoadFacts {
  bool draws_on_gpu{false};
  std::string gpu;      // "GPU 0 (NVIDIA L4)"
  std::string encoder;  // factory; empty: none opens
  bool encoder_asked_for{false};
  bool encodes_on_gpu{false};
  bool takes_cuda{false};  // from CUDA memory
  gstx::Result<std::string> kernel;
};
// "GL draws on GPU 0 (NVIDIA H200); GL converts into memory that the CPU reads, without a copy; x264enc encodes on the CPU: …"
[[nodiscard]] std::string describe_road(const RoadFacts& facts);

// The EGL notes that are this GPU: by UUID, else by ordinal. Pure.
[[nodiscard]] bool is_of_gpu(const GlDeviceNote& note, const GpuDevice& gpu);

// "580.65.06" of the kernel module's own text; empty where there is none. Pure.
[[nodiscard]] std::string parse_driver_version(std::string_view text);

}  // namespace napari::engine
