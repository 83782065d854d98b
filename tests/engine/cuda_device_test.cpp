// The GPUs there are, by drivers made up for the purpose; which one an option means; and what is said where there is none.
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda/cuda_driver.hpp"
#include "engine/cuda/cuda_gl_buffer.hpp"
#include "engine/cuda/gpu_device.hpp"
#include "engine/cuda/video_codecs.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Device 0 is a whole GPU, device 1 a MIG slice of another.
CudaDriver two_devices() {
  CudaDriver driver;
  driver.init = [](unsigned) { return 0; };
  driver.driver_get_version = [](int* version) { return *version = 12040, 0; };
  driver.get_error_name = [](CudaResult error, const char** text) {
    return *text = error == 999 ? "CUDA_ERROR_UNKNOWN" : nullptr, error == 999 ? 0 : 1;
  };
  driver.get_error_string = [](CudaResult error, const char** text) {
    return *text = error == 999 ? "unknown error" : nullptr, error == 999 ? 0 : 1;
  };
  driver.device_get_count = [](int* count) { return *count = 2, 0; };
  driver.device_get = [](int* device, int ordinal) { return *device = 40 + ordinal, 0; };
  driver.device_get_name = [](char* name, int bytes, int device) {
    std::strncpy(name, device == 40 ? "NVIDIA L4" : "NVIDIA H200 MIG 1g.18gb",
                 static_cast<std::size_t>(bytes));
    return 0;
  };
  driver.device_total_mem = [](std::size_t* bytes, int device) {
    return *bytes = device == 40 ? 24'000'000'000U : 18'000'000'000U, 0;
  };
  driver.device_get_pci_bus_id = [](char* text, int bytes, int device) {
    std::strncpy(text, device == 40 ? "0000:1B:00.0" : "0000:3C:00.0",
                 static_cast<std::size_t>(bytes));
    return 0;
  };
  driver.device_get_attribute = [](int* value, int attribute, int device) {
    const bool major = attribute == kComputeCapabilityMajor;
    return *value = device == 40 ? (major ? 8 : 9) : (major ? 9 : 0), 0;
  };
  driver.device_get_uuid = [](CudaUuid* uuid, int device) {
    for (std::size_t i = 0; i < uuid->bytes.size(); ++i)
      uuid->bytes[i] = static_cast<unsigned char>((device == 40 ? 0x1b : 0xa0) + i);
    return 0;
  };
  driver.device_get_parent_uuid = [](CudaUuid* uuid, int device) {
    for (std::size_t i = 0; i < uuid->bytes.size(); ++i)
      uuid->bytes[i] = static_cast<unsigned char>((device == 40 ? 0x1b : 0x50) + i);
    return 0;
  };
  return driver;
}

TEST(ListGpus, DescribesEachDeviceAndTellsASliceFromAGpu) {
  const auto list = list_gpus_of(two_devices());
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->driver_cuda_version, 12040);
  ASSERT_EQ(list->devices.size(), 2U);
  const GpuDevice& whole = list->devices[0];
  EXPECT_EQ(whole.cuda_ordinal, 0);
  EXPECT_EQ(whole.name, "NVIDIA L4");
  EXPECT_EQ(whole.uuid, "GPU-1b1c1d1e-1f20-2122-2324-25262728292a");
  EXPECT_EQ(whole.pci_bus, "0000:1b:00.0");
  EXPECT_EQ(whole.memory_bytes, 24'000'000'000U);
  EXPECT_EQ(whole.compute_major, 8);
  EXPECT_EQ(whole.compute_minor, 9);
  EXPECT_EQ(list->devices[1].uuid, "MIG-a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf");
  EXPECT_EQ(list->devices[1].compute_major, 9);
}

TEST(ListGpus, CallsEveryUuidAGpusWhereTheDriverKnowsOneKindOnly) {
  CudaDriver driver = two_devices();
  driver.device_get_parent_uuid = nullptr;
  EXPECT_THAT(list_gpus_of(driver)->devices[1].uuid, testing::StartsWith("GPU-a0"));
}

TEST(ListGpus, NamesTheDeviceThatTheDriverDoesNotDescribe) {
  CudaDriver driver = two_devices();
  driver.device_total_mem = [](std::size_t*, int device) { return device == 41 ? 999 : 0; };
  const auto list = list_gpus_of(driver);
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message, AllOf(HasSubstr("device 1"), HasSubstr("CUDA_ERROR_UNKNOWN")));
}

TEST(InitCudaDriver, SaysByNameWhatHidesTheDevices) {
  CudaDriver driver = two_devices();
  EXPECT_TRUE(init_cuda_driver(driver, nullptr));
  driver.init = [](unsigned) { return kCudaNoDevice; };
  const auto hidden = init_cuda_driver(driver, "7");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code, ErrorCode::unsupported);
  EXPECT_THAT(hidden.error().message, HasSubstr("CUDA_VISIBLE_DEVICES is \"7\""));
  EXPECT_THAT(init_cuda_driver(driver, nullptr).error().message,
              AllOf(HasSubstr("finds no GPU"), Not(HasSubstr("CUDA_VISIBLE_DEVICES"))));
  // Some drivers start and then count none.
  driver = two_devices();
  driver.device_get_count = [](int* count) { return *count = 0, 0; };
  EXPECT_THAT(init_cuda_driver(driver, "").error().message,
              HasSubstr("CUDA_VISIBLE_DEVICES is \"\""));
}

TEST(InitCudaDriver, AdvisesOnWhatAnAdministratorCanRepair) {
  CudaDriver driver = two_devices();
  driver.init = [](unsigned) { return 803; };
  EXPECT_THAT(init_cuda_driver(driver, nullptr).error().message,
              AllOf(HasSubstr("(803)"), HasSubstr("different versions")));
  driver.init = [](unsigned) { return 999; };
  EXPECT_THAT(init_cuda_driver(driver, nullptr).error().message,
              AllOf(HasSubstr("CUDA_ERROR_UNKNOWN (999): unknown error"), HasSubstr("nvidia-uvm")));
  driver.init = [](unsigned) { return 34; };
  EXPECT_THAT(init_cuda_driver(driver, nullptr).error().message, HasSubstr("stand-in"));
}

TEST(OpenCudaDriver, NamesTheLibraryOrTheFunctionThatIsMissing) {
  EXPECT_THAT(open_cuda_driver("libnot-a-driver.so.1").error().message,
              HasSubstr("libnot-a-driver.so.1 cannot be loaded"));
  EXPECT_THAT(open_cuda_driver("libm.so.6").error().message,
              HasSubstr("libm.so.6 has no cuInit: the NVIDIA driver is too old"));
}

class FindGpu : public testing::Test {
 protected:
  const std::vector<GpuDevice> devices_{
      {.cuda_ordinal = 0, .name = "NVIDIA L4", .uuid = "GPU-1b2c0000-0000-0000-0000-000000000001"},
      {.cuda_ordinal = 1, .name = "NVIDIA L4", .uuid = "GPU-1b2d0000-0000-0000-0000-000000000002"},
      {.cuda_ordinal = 2, .name = "slice", .uuid = "MIG-77000000-0000-0000-0000-000000000003"}};

  std::string refusal(std::string_view device) const {
    const auto found = find_gpu(device, devices_);
    return found ? "" : found.error().message;
  }
};

TEST_F(FindGpu, TakesAnOrdinalAUuidOrTheBeginningOfOne) {
  EXPECT_EQ(find_gpu("1", devices_), 1);
  EXPECT_EQ(find_gpu("GPU-1b2d0000-0000-0000-0000-000000000002", devices_), 1);
  EXPECT_EQ(find_gpu("GPU-1B2C", devices_), 0);
  EXPECT_EQ(find_gpu("MIG-7", devices_), 2);
}

TEST_F(FindGpu, NamesWhatThereIsWhereNothingFits) {
  EXPECT_THAT(refusal("3"),
              AllOf(HasSubstr("no GPU is \"3\""), HasSubstr("0 is NVIDIA L4 (GPU-1b2c"),
                    HasSubstr("2 is slice (MIG-77")));
  EXPECT_THAT(refusal("GPU-77"), HasSubstr("no GPU is \"GPU-77\""));
  EXPECT_THAT(find_gpu("0", {}).error().message, HasSubstr("there is none"));
  EXPECT_EQ(find_gpu("0", {}).error().code, ErrorCode::not_found);
}

TEST_F(FindGpu, RefusesABeginningOfTwo) {
  EXPECT_THAT(refusal("GPU-1b2"), AllOf(HasSubstr("more than one"), HasSubstr("0 is"),
                                        HasSubstr("1 is"), Not(HasSubstr("2 is"))));
  EXPECT_EQ(find_gpu("GPU-1b2", devices_).error().code, ErrorCode::invalid_argument);
}

TEST(CheckDeviceSyntax, KnowsOrdinalsAndUuids) {
  for (const char* good : {"0", "7", "255", "GPU-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901", "gpu-1",
                           "MIG-a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"}) {
    EXPECT_TRUE(check_device_syntax(good)) << good;
  }
  for (const char* bad :
       {"", "-1", "256", "1 ", " 1", "0x1", "1.0", "cuda:0", "GPU-", "GPU", "GPU-xyz", "GPU-1b2c/0",
        "MIG-1b2c3d4e-5f60-7182-93a4-b5c6d7e8f9010", "99999999999999999999"}) {
    const auto checked = check_device_syntax(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(checked.error().message, AllOf(HasSubstr("0..255"), HasSubstr("nvidia-smi -L")));
  }
}

TEST(NvencStatus, IsExplained) {
  EXPECT_THAT(nvenc_status_text(2), HasSubstr("no NVENC"));
  EXPECT_THAT(nvenc_status_text(10), HasSubstr("out of GPU memory"));
  EXPECT_THAT(nvenc_status_text(15), HasSubstr("too old"));
  EXPECT_THAT(nvenc_status_text(21), HasSubstr("sessions"));
  EXPECT_THAT(nvenc_status_text(20), HasSubstr("error 20"));
}

// Where there is a driver, gpu_test has the opposite.
TEST(WithoutADriver, EveryDoorSaysWhatIsMissing) {
  if (cuda_driver()) GTEST_SKIP() << "this machine has an NVIDIA driver and a GPU";
  const std::string reason = cuda_driver().error().message;
  EXPECT_FALSE(reason.empty());
  EXPECT_EQ(list_gpus().error().message, reason);
  EXPECT_EQ(probe_nvenc(0).reason, reason);
  EXPECT_TRUE(probe_nvenc(0).codecs.empty());
  EXPECT_EQ(probe_nvdec(0).reason, reason);
  ASSERT_FALSE(load_cuda());
  EXPECT_EQ(load_cuda().error().code, ErrorCode::unsupported);
#if NAPARI_HAVE_CUDA
  EXPECT_EQ(load_cuda().error().message, reason);
#else
  EXPECT_THAT(load_cuda().error().message, HasSubstr("meson option cuda"));
#endif
  EXPECT_FALSE(CudaConverter::make(nullptr));
  EXPECT_FALSE(CudaGlBuffer::register_buffer(1, nullptr));
}

}  // namespace
}  // namespace napari::engine
