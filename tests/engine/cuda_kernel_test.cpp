// The convert kernel without a GPU: its arithmetic, compiled for the CPU, against ColorConverter; what it is told; what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cuda/convert_block.hpp"
#include "engine/cuda/convert_job.hpp"
#include "engine/cuda_cases.hpp"
#include "engine/video_plan.hpp"

namespace napari::engine::cuda_test {
namespace {

using testing::HasSubstr;

CudaPicture source_of(const ConvertCase& test, Rows& picture) {
  return {reinterpret_cast<std::uint64_t>(picture.first()), picture.stride_bytes, test.source};
}

CudaVideo target_of(const ConvertCase& test, std::array<Rows, 3>& planes) {
  CudaVideo video{.layout = test.layout, .size = test.target};
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    video.planes[plane] = reinterpret_cast<std::uint64_t>(planes[plane].first());
    video.stride_bytes[plane] = planes[plane].stride_bytes;
  }
  return video;
}

// What the grid of threads does, one block after the other; more of them than the picture has, as in a grid.
void run(const kernel::ConvertJob& job, std::string_view name) {
  const int columns = job.width / kernel::kBlockWidth + 3;
  const int rows = job.height / kernel::kBlockHeight + 3;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      if (name == "napari_convert_420") {
        kernel::convert_block_420<false>(job, column, row);
      } else if (name == "napari_convert_420_enlarged") {
        kernel::convert_block_420<true>(job, column, row);
      } else if (name == "napari_convert_444") {
        kernel::convert_block_444<false>(job, column, row);
      } else {
        ASSERT_EQ(name, "napari_convert_444_enlarged");
        kernel::convert_block_444<true>(job, column, row);
      }
    }
  }
}

TEST(CudaKernel, GivesWhatColorConverterGivesToTheByte) {
  const std::vector<ConvertCase> cases = convert_cases();
  ASSERT_GT(cases.size(), 300U);
  for (const ConvertCase& test : cases) {
    Rows picture = make_picture(test);
    std::array<Rows, 3> planes = make_planes(test);
    const auto job =
        plan_convert_job(source_of(test, picture), target_of(test, planes), test.options);
    ASSERT_TRUE(job) << test.name() << ": " << job.error().message;
    run(*job, kKernelNames[kernel_index(*job, test.layout)]);
    ASSERT_EQ(first_difference(test, planes, reference(test, picture)), "");
  }
}

TEST(CudaKernel, TapsAreThoseOfTheOtherConverters) {
  for (const auto& [source, extent] :
       {std::pair{1, 1}, std::pair{1, 7}, std::pair{2, 3}, std::pair{5, 16384},
        std::pair{1080, 2160}, std::pair{1279, 1920}, std::pair{16383, 16384},
        std::pair{16384, 16384}, std::pair{8191, 16381}, std::pair{256, 1024}}) {
    for (int pixel = 0; pixel < extent; ++pixel) {
      const VideoTap expected = video_tap(pixel, source, extent);
      const kernel::Tap tap = kernel::tap_at(pixel, source, extent);
      ASSERT_EQ(tap.index, expected.index) << pixel << " of " << extent << " from " << source;
      ASSERT_EQ(tap.weight, expected.weight) << pixel << " of " << extent << " from " << source;
    }
  }
}

// Every colour's luma and chroma, and thus that no sum of three parts overflows its word.
TEST(CudaKernel, KeepsCodesOfEveryCornerOfTheCubeInRange) {
  for (const ColorMatrix matrix : {ColorMatrix::bt709, ColorMatrix::bt601}) {
    for (unsigned corner = 0; corner < 8; ++corner) {
      ConvertCase test{VideoLayout::y444, {1, 1}, {1, 1}, {matrix, false}, {}};
      Rows picture = make_picture(test);
      for (std::size_t c = 0; c < 3; ++c)
        picture.bytes[c] = static_cast<std::uint8_t>((corner >> c & 1U) * 255);
      std::array<Rows, 3> planes = make_planes(test);
      const auto job =
          plan_convert_job(source_of(test, picture), target_of(test, planes), test.options);
      ASSERT_TRUE(job);
      run(*job, kKernelNames[kernel_index(*job, test.layout)]);
      EXPECT_THAT(planes[0].bytes[0], testing::AllOf(testing::Ge(16), testing::Le(235)));
      for (const std::size_t plane : {1U, 2U})
        EXPECT_THAT(planes[plane].bytes[0], testing::AllOf(testing::Ge(16), testing::Le(240)));
    }
  }
}

class CudaJobTest : public testing::Test {
 protected:
  std::string refusal() {
    const auto job = plan_convert_job(source_, target_, {});
    return job ? std::string() : job.error().message;
  }
  CudaPicture source_{0x1000, 64, {16, 16}};
  CudaVideo target_{VideoLayout::i420, {16, 16}, {0x2000, 0x3000, 0x4000}, {16, 8, 8}};
};

TEST_F(CudaJobTest, RefusesWhatColorConverterRefuses) {
  EXPECT_EQ(refusal(), "");
  target_.stride_bytes[2] = 7;
  EXPECT_THAT(refusal(), HasSubstr("rows of plane 2 are 7 bytes apart for 16 px"));
  target_.planes[1] = 0;
  EXPECT_THAT(refusal(), HasSubstr("plane 1 has no CUDA memory"));
  target_.size = {8, 16};
  EXPECT_THAT(refusal(), HasSubstr("only enlarged"));
  target_.size = {17, 16};
  EXPECT_THAT(refusal(), HasSubstr("even size"));
  target_.size = {20000, 16};
  EXPECT_THAT(refusal(), HasSubstr("20000"));
}

TEST_F(CudaJobTest, RefusesASourceWithoutMemoryOrWithOverlappingRows) {
  source_.stride_bytes = 63;
  EXPECT_THAT(refusal(), HasSubstr("source rows of 16 px are 63 bytes apart"));
  source_.rgba = 0;
  EXPECT_THAT(refusal(), HasSubstr("no CUDA memory"));
}

TEST_F(CudaJobTest, SaysHowWideMemoryMayBeAccessed) {
  const auto job = [&] { return plan_convert_job(source_, target_, {}).value(); };
  EXPECT_EQ(job().rgba_alignment, 16);
  EXPECT_EQ(job().aligned_store[0] + job().aligned_store[1] + job().aligned_store[2], 3);
  source_.stride_bytes = 68;
  EXPECT_EQ(job().rgba_alignment, 4);
  source_.rgba += 2;
  EXPECT_EQ(job().rgba_alignment, 1);
  target_.stride_bytes[0] = 18;
  target_.planes[2] += 1;
  EXPECT_EQ(job().aligned_store[0], 0);
  EXPECT_EQ(job().aligned_store[1], 1);
  EXPECT_EQ(job().aligned_store[2], 0);
}

}  // namespace
}  // namespace napari::engine::cuda_test
