// What the driver of a machine with an NVIDIA GPU says of it: devices, the EGL device of each, video engines.
#include "engine/cuda/gpu_device.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include "engine/cuda/cuda_driver.hpp"
#include "engine/cuda/video_codecs.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gpu_fixture.hpp"

namespace napari::engine::gpu_test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class GpuDeviceTest : public GpuTest {};

TEST_F(GpuDeviceTest, ListsEveryDeviceAndFindsEachByItsUuid) {
  const auto list = list_gpus();
  ASSERT_TRUE(list) << list.error().message;
  fmt::print("the driver speaks CUDA {}\n", list->driver_cuda_version);
  EXPECT_GE(list->driver_cuda_version, 11000);
  ASSERT_FALSE(list->devices.empty());
  for (const GpuDevice& device : list->devices) {
    fmt::print("{}: {}, {}, {}, {} MiB, compute capability {}.{}\n", device.cuda_ordinal,
               device.name, device.uuid, device.pci_bus, device.memory_bytes >> 20,
               device.compute_major, device.compute_minor);
    EXPECT_THAT(device.uuid, ContainsRegex("^(GPU|MIG)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-"
                                           "[0-9a-f]{4}-[0-9a-f]{12}$"));
    EXPECT_THAT(device.pci_bus, ContainsRegex("^[0-9a-f]+:[0-9a-f]{2}:[0-9a-f]{2}[.][0-9a-f]$"));
    EXPECT_FALSE(device.name.empty());
    EXPECT_GT(device.memory_bytes, std::size_t{1} << 28);
    EXPECT_GE(device.compute_major, 5);
    EXPECT_EQ(find_gpu(device.uuid, list->devices), device.cuda_ordinal);
    EXPECT_EQ(find_gpu(std::to_string(device.cuda_ordinal), list->devices), device.cuda_ordinal);
  }
  EXPECT_FALSE(find_gpu(std::to_string(list->devices.size()), list->devices));
}

TEST_F(GpuDeviceTest, TheEglDeviceOfAnOrdinalIsTheOneThatCudaSees) {
  const auto list = list_gpus();
  ASSERT_TRUE(list) << list.error().message;
  for (const GpuDevice& device : list->devices) {
    const auto opened = GlContext::open(device.cuda_ordinal);
    if (!opened) GTEST_SKIP() << "no EGL on this device: " << opened.error().message;
    EXPECT_EQ((*opened)->info().cuda_ordinal, device.cuda_ordinal);
    EXPECT_FALSE((*opened)->info().software);
    (*opened)->run([&] {
      unsigned count = 0;
      CUdevice devices[16]{};
      const auto asked =
          check_cuda(CuGLGetDevices(&count, devices, 16, CU_GL_DEVICE_LIST_ALL), "cuGLGetDevices");
      EXPECT_TRUE(asked) << asked.error().message;
      CUdevice expected = -1;
      EXPECT_EQ(CuDeviceGet(&expected, device.cuda_ordinal), CUDA_SUCCESS);
      EXPECT_EQ(count, 1U);
      EXPECT_EQ(devices[0], expected);
    });
  }
}

TEST_F(GpuDeviceTest, NvencIsOpenedOrItsErrorExplained) {
  const NvencFacts facts = probe_nvenc(0);
  fmt::print("NVENC: {} (status {}) {}\n", fmt::join(facts.codecs, ", "), facts.status,
             facts.reason);
  const std::string name = list_gpus()->devices.front().name;
  if (name.find("H200") != std::string::npos || name.find("H100") != std::string::npos ||
      name.find("A100") != std::string::npos) {
    EXPECT_EQ(facts.status, 2);
    EXPECT_THAT(facts.reason, HasSubstr("no NVENC"));
  }
  if (facts.codecs.empty()) {
    EXPECT_FALSE(facts.reason.empty());
  } else {
    EXPECT_THAT(facts.codecs, testing::Contains("H.264"));
  }
  // Asking leaves nothing behind that would stop the next one.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(probe_nvenc(0).status, facts.status);
  EXPECT_THAT(probe_nvenc(200).reason, HasSubstr("CUDA device 200"));
}

TEST_F(GpuDeviceTest, NvdecListsWhatItDecodes) {
  const NvdecFacts facts = probe_nvdec(0);
  for (const NvdecCodec& codec : facts.codecs)
    fmt::print("NVDEC: {} up to {} x {}\n", codec.name, codec.width_px_max, codec.height_px_max);
  if (facts.codecs.empty()) {
    fmt::print("NVDEC: {}\n", facts.reason);
    EXPECT_FALSE(facts.reason.empty());
    return;
  }
  EXPECT_EQ(facts.codecs.front().name, "H.264");
  for (const NvdecCodec& codec : facts.codecs) {
    EXPECT_GE(codec.width_px_max, 1920);
    EXPECT_LE(codec.width_px_max, 32768);
    EXPECT_GE(codec.height_px_max, 1080);
  }
}

// In a process of its own, since the driver reads the variable once.
TEST(GpuVisibilityDeathTest, NamesTheVariableThatHidesTheGpus) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (const auto driver = open_cuda_driver("libcuda.so.1"); !driver)
    GTEST_SKIP() << driver.error().message;
  EXPECT_EXIT(
      {
        setenv("CUDA_VISIBLE_DEVICES", "99", 1);
        const auto list = list_gpus();
        fmt::print(stderr, "{}\n", list ? "there are GPUs" : list.error().message);
        std::exit(list ? 1 : 0);
      },
      testing::ExitedWithCode(0), "CUDA_VISIBLE_DEVICES is \"99\"");
}

}  // namespace
}  // namespace napari::engine::gpu_test
