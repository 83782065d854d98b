// Which of EGL's devices is the GPU that was asked for, with planted lists of devices.
#include "engine/gl/egl_devices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace napari::engine {
namespace {

using testing::HasSubstr;

constexpr const char* kFirst = "GPU-00000000-0000-0000-0000-000000000001";
constexpr const char* kSecond = "GPU-00000000-0000-0000-0000-000000000002";

EglDevice device(int index, std::optional<int> cuda, std::string uuid = {}) {
  return {.handle = nullptr,
          .index = index,
          .cuda_ordinal = cuda,
          .uuid = std::move(uuid),
          .extensions = {}};
}

WantedGpu gpu(int ordinal, std::string uuid = {}) {
  return {.ordinal = ordinal, .known_to_cuda = true, .uuid = std::move(uuid), .name = "a GPU"};
}

TEST(ChooseEglDevice, TakesTheIndexWhereNoneKnowsCuda) {
  const std::vector devices{device(0, {}), device(1, {})};
  EXPECT_EQ(choose_egl_device(devices, {.ordinal = 1})->index, 1);
  const auto none = choose_egl_device(devices, {.ordinal = 2});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, gstx::ErrorCode::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("EGL device 2 not in 0..1"));
  EXPECT_FALSE(choose_egl_device(devices, {.ordinal = -1}));
}

TEST(ChooseEglDevice, TakesTheCudaOrdinalWhereOneIsKnown) {
  const std::vector devices{device(0, 1), device(1, 0), device(2, {})};
  EXPECT_EQ(choose_egl_device(devices, gpu(0))->index, 1);
  EXPECT_EQ(choose_egl_device(devices, gpu(1))->index, 0);
  EXPECT_EQ(choose_egl_device(devices, {.ordinal = 1})->index, 0);
  EXPECT_THAT(choose_egl_device(devices, {.ordinal = 2}).error().message,
              HasSubstr("2 of 3 state one"));
}

TEST(ChooseEglDevice, TakesTheUuidBeforeTheOrdinal) {
  // CUDA_VISIBLE_DEVICES=1: CUDA calls the second GPU 0, EGL still calls the first one that.
  const std::vector devices{device(0, 0, kFirst), device(1, 1, kSecond)};
  EXPECT_EQ(choose_egl_device(devices, gpu(0, kSecond))->index, 1);
  EXPECT_EQ(choose_egl_device(devices, gpu(1, kFirst))->index, 0);
  EXPECT_EQ(choose_egl_device(devices, gpu(1))->index, 1);
}

TEST(ChooseEglDevice, TakesNoOtherDeviceForAGpuThatEglDoesNotOffer) {
  const std::vector devices{device(0, {})};  // Mesa's, on a machine whose driver has no EGL
  const auto missing = choose_egl_device(devices, gpu(0, kFirst));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, gstx::ErrorCode::unsupported);
  EXPECT_THAT(missing.error().message, HasSubstr("GPU 0 (a GPU) is not offered by EGL"));
  EXPECT_THAT(missing.error().message, HasSubstr("NVIDIA_DRIVER_CAPABILITIES"));
  const auto slice = choose_egl_device(devices, gpu(0, "MIG-00000000"));
  ASSERT_FALSE(slice);
  EXPECT_THAT(slice.error().message, HasSubstr("is a MIG slice"));
}

TEST(ChooseEglDevice, WritesAUuidAsCudaDoes) {
  EXPECT_EQ(format_gpu_uuid({0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
                             0xcc, 0xdd, 0xee, 0xff}),
            "GPU-00112233-4455-6677-8899-aabbccddeeff");
}

}  // namespace
}  // namespace napari::engine
