// The lines of `doctor` about GPUs, of planted facts: what a user with that machine would read.
#include "engine/gpu_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace napari::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kUuid = "GPU-1b2c0000-0000-0000-0000-000000000001";

gstx::Result<std::string> no_kernel(const char* why) {
  return gstx::fail(gstx::ErrorCode::unsupported, why);
}

GpuFacts workstation() {
  return {.device = {.cuda_ordinal = 0,
                     .name = "NVIDIA L4",
                     .uuid = kUuid,
                     .pci_bus = "0000:1b:00.0",
                     .memory_bytes = std::size_t{24} << 30,
                     .compute_major = 8,
                     .compute_minor = 9},
          .driver = "550.54",
          .driver_cuda_version = 12040,
          .graphics = {"EGL device 0: NVIDIA L4/PCIe/SSE2"},
          .kernel = std::string("nvcc, sm_89"),
          .nvenc = {.codecs = {"H.264", "HEVC"}, .status = 0, .reason = {}},
          .nvdec = {.codecs = {{"H.264", 4096, 4096}}, .reason = {}}};
}

TEST(GpuReport, SaysWhatAWorkstationsGpuCanDo) {
  EXPECT_THAT(describe_gpu(workstation()),
              ElementsAre("gpu 0: NVIDIA L4, GPU-1b2c0000-0000-0000-0000-000000000001, 24.0 GiB, "
                          "PCI 0000:1b:00.0, driver 550.54, CUDA 12.4, compute capability 8.9",
                          "gpu 0: graphics: EGL device 0: NVIDIA L4/PCIe/SSE2",
                          "gpu 0: CUDA converter: nvcc, sm_89", "gpu 0: NVENC encodes H.264, HEVC",
                          "gpu 0: NVDEC decodes H.264 to 4096 x 4096"));
}

TEST(GpuReport, SaysWhyAGpuCannot) {
  GpuFacts facts = workstation();
  facts.graphics.clear();
  facts.nvenc = {.codecs = {}, .status = 2, .reason = "this GPU has no NVENC"};
  facts.nvdec = {.codecs = {}, .reason = "libnvcuvid.so.1 is not there"};
  facts.kernel = no_kernel("this build has no CUDA");
  EXPECT_THAT(describe_gpu(facts),
              ElementsAre(HasSubstr("NVIDIA L4"), HasSubstr("without the graphics capability"),
                          "gpu 0: CUDA converter: none: this build has no CUDA",
                          "gpu 0: NVENC encodes nothing: this GPU has no NVENC",
                          "gpu 0: NVDEC decodes nothing: libnvcuvid.so.1 is not there"));
  facts.device.uuid = "MIG-1b2c0000-0000-0000-0000-000000000001";
  EXPECT_THAT(describe_gpu(facts)[1], HasSubstr("as on every MIG slice"));
}

TEST(GpuReport, NoGpuIsOneLineAndSoIsMoreThanOne) {
  GpuReport none{.gpus = gstx::fail(gstx::ErrorCode::unsupported, "libcuda.so.1 is not there"),
                 .other_graphics = {"EGL device 0: llvmpipe"}};
  EXPECT_THAT(describe_gpus(none),
              ElementsAre("gpu: none: libcuda.so.1 is not there", "gl: EGL device 0: llvmpipe"));
  none.cuda = gstx::fail(gstx::ErrorCode::unsupported, "libcuda.so.1 is not there");
  EXPECT_EQ(describe_gpus(none).size(), 2U) << "the same reason is said once";
  none.cuda = gstx::fail(gstx::ErrorCode::unsupported, "this build left out CUDA");
  EXPECT_EQ(describe_gpus(none)[1], "cuda: this build left out CUDA");
  const GpuReport two{.gpus = std::vector{workstation(), workstation()}, .other_graphics = {}};
  EXPECT_EQ(describe_gpus(two).front(), "gpu: 2 are visible; --device chooses one");
  EXPECT_EQ(describe_gpus(two).size(), 11U);
}

TEST(GpuReport, KnowsItsEglDeviceByUuidElseByOrdinal) {
  const GpuDevice gpu{.cuda_ordinal = 0, .name = "A", .uuid = kUuid, .pci_bus = {}};
  EXPECT_TRUE(is_of_gpu({.cuda_ordinal = 3, .uuid = kUuid, .text = {}}, gpu));
  EXPECT_FALSE(is_of_gpu({.cuda_ordinal = 0, .uuid = "GPU-another", .text = {}}, gpu));
  EXPECT_TRUE(is_of_gpu({.cuda_ordinal = 0, .uuid = {}, .text = {}}, gpu));
  EXPECT_FALSE(is_of_gpu({.cuda_ordinal = {}, .uuid = {}, .text = {}}, gpu));
}

TEST(GpuReport, NamesTheRoadAndWhyNotABetterOne) {
  const std::string gpu = "GPU 0 (NVIDIA H200)";
  EXPECT_EQ(describe_road({.draws_on_gpu = true,
                           .gpu = gpu,
                           .encoder = "nvcudah264enc",
                           .encodes_on_gpu = true,
                           .takes_cuda = true,
                           .kernel = std::string("nvcc, sm_90")}),
            "road: GL draws on GPU 0 (NVIDIA H200); the CUDA kernel converts (nvcc, sm_90); "
            "nvcudah264enc encodes on the GPU from CUDA memory: nothing leaves the GPU but the "
            "stream");
  EXPECT_EQ(describe_road({.draws_on_gpu = true,
                           .gpu = gpu,
                           .encoder = "x264enc",
                           .kernel = std::string("nvcc, sm_90")}),
            "road: GL draws on GPU 0 (NVIDIA H200); GL converts straight into memory that the CPU "
            "reads; x264enc encodes on the CPU: no NVENC opens (see above)");
  EXPECT_THAT(describe_road({.draws_on_gpu = true,
                             .gpu = gpu,
                             .encoder = "nvh264enc",
                             .encodes_on_gpu = true,
                             .takes_cuda = true,
                             .kernel = no_kernel("NVRTC is not there")}),
              HasSubstr("the CUDA converter is not there (NVRTC is not there)"));
  EXPECT_EQ(
      describe_road({.gpu = {}, .encoder = "x264enc", .kernel = no_kernel("")}),
      "road: the CPU draws; the CPU converts; x264enc encodes on the CPU: no NVENC opens (see "
      "above)");
  EXPECT_THAT(
      describe_road(
          {.gpu = {}, .encoder = "x264enc", .encoder_asked_for = true, .kernel = no_kernel("")}),
      testing::EndsWith("x264enc encodes on the CPU, as asked for"));
  EXPECT_EQ(describe_road({.gpu = {}, .encoder = {}, .kernel = no_kernel("")}),
            "road: none: no encoder opens");
}

TEST(GpuReport, ReadsTheDriversVersionWhereverItIs) {
  EXPECT_EQ(parse_driver_version("580.65.06\n"), "580.65.06");
  EXPECT_EQ(
      parse_driver_version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  "
                           "580.65.06  Release Build  (dvs-builder)\nGCC version: gcc 13.2.0"),
      "580.65.06");
  EXPECT_EQ(parse_driver_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu"),
            "550.54.14");
  EXPECT_EQ(parse_driver_version(""), "");
}

}  // namespace
}  // namespace napari::engine
