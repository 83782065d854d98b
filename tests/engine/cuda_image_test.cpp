// The convert kernel as it is embedded, and compiled by NVRTC where that is installed; a GPU is not needed for either.
#include <cstdint>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cuda/kernel_image.hpp"

namespace napari::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(CudaSource, IsWholeAndNeedsNoHeader) {
  const std::string source(cuda_source("convert_kernel.cu"));
  EXPECT_THAT(source, HasSubstr("napari_convert_420_enlarged"));
  EXPECT_THAT(source, HasSubstr("convert_block_444"));
  EXPECT_EQ(source.find("#include"), std::string::npos);
  EXPECT_EQ(cuda_source("other.cu"), "");
}

TEST(EmbeddedKernel, IsAFatBinaryWhereTheBuildHadNvcc) {
  const EmbeddedKernel kernel = embedded_convert_kernel();
  if (kernel.fatbin.empty()) {
    EXPECT_TRUE(kernel.architectures.empty()) << "no nvcc, so nothing that a driver would take";
    return;
  }
  EXPECT_THAT(kernel.compiler, StartsWith("nvcc "));
  ASSERT_GT(kernel.fatbin.size(), 1000U);
  std::uint32_t magic = 0;
  std::memcpy(&magic, kernel.fatbin.data(), sizeof(magic));
  EXPECT_EQ(magic, 0xba55ed50U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(kernel.fatbin.data()) % 8, 0U);
  for (const int architecture : kernel.architectures)
    EXPECT_NE(embedded_origin(kernel, architecture), "");
}

TEST(EmbeddedOrigin, SaysWhatTheDriverWillTake) {
  constexpr unsigned char kByte[] = {1};
  constexpr int kArchitectures[] = {75, 80, 86, 90};
  const EmbeddedKernel kernel{kByte, "nvcc 13.0", kArchitectures};
  EXPECT_EQ(embedded_origin(kernel, 90), "nvcc 13.0, sm_90");
  EXPECT_EQ(embedded_origin(kernel, 89), "nvcc 13.0, sm_86");
  EXPECT_EQ(embedded_origin(kernel, 80), "nvcc 13.0, sm_80");
  EXPECT_EQ(embedded_origin(kernel, 120), "nvcc 13.0, PTX of compute_75");
  EXPECT_EQ(embedded_origin(kernel, 70), "");
  EXPECT_EQ(embedded_origin({}, 90), "");
}

class GpuNvrtc : public testing::Test {
 protected:
  void SetUp() override {
    const auto compiled = compile(std::string(cuda_source("convert_kernel.cu")), 90);
    if (!compiled && compiled.error().message.find("not installed") != std::string::npos)
      GTEST_SKIP() << compiled.error().message;
  }
  static gstx::Result<KernelImage> compile(std::string_view source, int compute) {
    return compile_kernel(source, compute, 99000);
  }
};

TEST_F(GpuNvrtc, CompilesTheKernelForADevice) {
  for (const int compute : {75, 80, 90}) {
    const auto image = compile(cuda_source("convert_kernel.cu"), compute);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_THAT(image->origin, StartsWith("NVRTC "));
    EXPECT_THAT(image->origin, HasSubstr("sm_" + std::to_string(compute)));
    ASSERT_GT(image->bytes.size(), 1000U);
    EXPECT_EQ(std::string(image->bytes.data(), 4),
              "\x7f"
              "ELF");
  }
}

TEST_F(GpuNvrtc, GivesPtxForADeviceItDoesNotKnow) {
  const auto image = compile(cuda_source("convert_kernel.cu"), 199);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_THAT(image->origin, HasSubstr("PTX of compute_"));
  EXPECT_EQ(image->bytes.back(), '\0');
  EXPECT_THAT(std::string(image->bytes.data()), HasSubstr(".entry napari_convert_444_enlarged"));
}

TEST_F(GpuNvrtc, NamesTheFirstErrorOfItsLog) {
  const auto image = compile("extern \"C\" __global__ void kernel() { undeclared = 1; }", 90);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, gstx::ErrorCode::unsupported);
  EXPECT_THAT(image.error().message,
              testing::AllOf(HasSubstr("libnvrtc"), HasSubstr("\"undeclared\" is undefined")));
  EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
}

TEST_F(GpuNvrtc, RefusesADeviceOlderThanItKnows) {
  const auto image = compile(cuda_source("convert_kernel.cu"), 10);
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().message, HasSubstr("compute capability 1.0"));
}

}  // namespace
}  // namespace napari::engine
