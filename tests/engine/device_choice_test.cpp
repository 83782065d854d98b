// What `--device` means, with planted GPUs.
#include "engine/device_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/renderer.hpp"

namespace napari::engine {
namespace {

using testing::HasSubstr;

gstx::Result<GpuList> two_gpus() {
  return GpuList{
      .driver_cuda_version = 13000,
      .devices = {
          {.cuda_ordinal = 0, .name = "A", .uuid = "GPU-1b2c0000-0000-0000-0000-000000000001"},
          {.cuda_ordinal = 1, .name = "B", .uuid = "GPU-1b3c0000-0000-0000-0000-000000000002"}}};
}
gstx::Result<GpuList> no_driver() {
  return gstx::fail(gstx::ErrorCode::unsupported, "libcuda.so.1 is not there");
}

TEST(DeviceChoice, AnOrdinalOrAUuidIsAGpu) {
  EXPECT_EQ(*resolve_device("1", two_gpus()), 1);
  EXPECT_EQ(*resolve_device("GPU-1b3c", two_gpus()), 1);
  EXPECT_EQ(*resolve_device("GPU-1b2c0000-0000-0000-0000-000000000001", two_gpus()), 0);
}

TEST(DeviceChoice, WhatIsNotThereIsAnErrorThatNamesWhatIs) {
  const auto beyond = resolve_device("2", two_gpus());
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, gstx::ErrorCode::not_found);
  EXPECT_THAT(beyond.error().message, HasSubstr("0 is A"));
  EXPECT_FALSE(resolve_device("GPU-1b", two_gpus()));
}

TEST(DeviceChoice, WithoutCudaAnOrdinalIsEglsIndexAndAUuidSaysWhyNot) {
  EXPECT_EQ(*resolve_device("3", no_driver()), 3);
  const auto uuid = resolve_device("GPU-1b2c", no_driver());
  ASSERT_FALSE(uuid);
  EXPECT_EQ(uuid.error().code, gstx::ErrorCode::unsupported);
  EXPECT_THAT(uuid.error().message, HasSubstr("libcuda.so.1 is not there"));
}

TEST(DeviceChoice, NonsenseIsAnErrorOnEveryMachine) {
  for (const char* nonsense : {"", "-1", "256", "first", "GPU-", "1 ", "0x1"}) {
    const auto wrong = resolve_device(nonsense, no_driver());
    ASSERT_FALSE(wrong) << nonsense;
    EXPECT_EQ(wrong.error().code, gstx::ErrorCode::invalid_argument) << nonsense;
  }
}

TEST(DeviceChoice, AGpuThatIsNotThereIsAnErrorOnlyWhereItWasAskedFor) {
  const std::string nobodys = "GPU-00000000-dead-beef-0000-000000000000";
  const auto asked = make_drawer({.backend = BackendChoice::egl, .device = nobodys});
  ASSERT_FALSE(asked);
  EXPECT_THAT(asked.error().message, HasSubstr(nobodys));
  const auto next_best = make_drawer({.backend = BackendChoice::automatic, .device = nobodys});
  ASSERT_TRUE(next_best) << next_best.error().message;
  EXPECT_FALSE(next_best->drawer->draws_on_gpu());
  EXPECT_THAT(next_best->reason, HasSubstr(nobodys));
}

TEST(DeviceChoice, NonsenseIsAnErrorWhateverDraws) {
  for (const auto backend : {BackendChoice::automatic, BackendChoice::egl, BackendChoice::cpu}) {
    const auto drawer = make_drawer({.backend = backend, .device = "first"});
    ASSERT_FALSE(drawer);
    EXPECT_EQ(drawer.error().code, gstx::ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace napari::engine
