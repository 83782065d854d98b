// The convert kernel on a GPU, from nvcc and from NVRTC, against ColorConverter to the byte; its refusals; its time.
#include <memory>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda_cases.hpp"
#include "engine/gpu_fixture.hpp"

namespace napari::engine::gpu_test {
namespace {

using cuda_test::ConvertCase;
using cuda_test::Rows;
using testing::HasSubstr;

// One of the cases with its picture and its planes in GPU memory.
class OnGpu {
 public:
  OnGpu(GstCudaContext* context, const ConvertCase& test, Rows& picture)
      : test_(test), stride_bytes_(picture.stride_bytes), planes_(cuda_test::make_planes(test)) {
    picture_ = std::make_unique<DeviceMemory>(context, picture.bytes.size());
    picture_->upload(picture.bytes);
    for (std::size_t plane = 0; plane < planes_.size(); ++plane) {
      memory_[plane] = std::make_unique<DeviceMemory>(context, planes_[plane].bytes.size());
      memory_[plane]->upload(planes_[plane].bytes);
    }
  }
  [[nodiscard]] CudaPicture source() const {
    return {picture_->address() + test_.placement.rgba_offset, stride_bytes_, test_.source};
  }
  [[nodiscard]] CudaVideo target() const {
    CudaVideo video{.layout = test_.layout, .size = test_.target};
    for (std::size_t plane = 0; plane < planes_.size(); ++plane) {
      video.planes[plane] = memory_[plane]->address() + planes_[plane].offset;
      video.stride_bytes[plane] = planes_[plane].stride_bytes;
    }
    return video;
  }
  [[nodiscard]] const std::array<Rows, 3>& download() {
    for (std::size_t plane = 0; plane < planes_.size(); ++plane)
      memory_[plane]->download(planes_[plane].bytes);
    return planes_;
  }

 private:
  const ConvertCase& test_;
  std::size_t stride_bytes_;
  std::array<Rows, 3> planes_;
  std::unique_ptr<DeviceMemory> picture_;
  std::array<std::unique_ptr<DeviceMemory>, 3> memory_;
};

class GpuConvertTest : public GpuTest {
 protected:
  void compare_all(CudaConverter& converter) {
    const Stream stream(context());
    for (const ConvertCase& test : cuda_test::convert_cases()) {
      Rows picture = cuda_test::make_picture(test);
      OnGpu gpu(context(), test, picture);
      const auto done = converter.convert(gpu.source(), gpu.target(), test.options, stream.get());
      ASSERT_TRUE(done) << test.name() << ": " << done.error().message;
      stream.wait();
      ASSERT_EQ(first_difference(test, gpu.download(), reference(test, picture)), "");
    }
  }
};

TEST_F(GpuConvertTest, TheKernelOfTheBuildGivesWhatColorConverterGives) {
  const auto converter = CudaConverter::make(context());
  ASSERT_TRUE(converter) << converter.error().message;
  fmt::print("convert kernel: {}\n", (*converter)->kernel_origin());
  compare_all(**converter);
}

TEST_F(GpuConvertTest, TheKernelOfNvrtcGivesWhatColorConverterGives) {
  const auto converter = CudaConverter::make(context(), KernelSource::runtime);
  if (!converter && converter.error().message.find("not installed") != std::string::npos)
    GTEST_SKIP() << converter.error().message;
  ASSERT_TRUE(converter) << converter.error().message;
  fmt::print("convert kernel: {}\n", (*converter)->kernel_origin());
  EXPECT_THAT((*converter)->kernel_origin(), testing::StartsWith("NVRTC "));
  compare_all(**converter);
}

TEST_F(GpuConvertTest, WorksOnTheDefaultStreamToo) {
  const auto converter = CudaConverter::make(context());
  ASSERT_TRUE(converter) << converter.error().message;
  const ConvertCase test{VideoLayout::nv12, {320, 200}, {640, 400}, {}, {}};
  Rows picture = cuda_test::make_picture(test);
  OnGpu gpu(context(), test, picture);
  ASSERT_TRUE((*converter)->convert(gpu.source(), gpu.target(), test.options, nullptr));
  EXPECT_EQ(first_difference(test, gpu.download(), reference(test, picture)), "");
}

TEST_F(GpuConvertTest, RefusesBadInputAndGoesOn) {
  const auto converter = CudaConverter::make(context());
  ASSERT_TRUE(converter) << converter.error().message;
  const ConvertCase test{VideoLayout::nv12, {32, 32}, {32, 32}, {}, {}};
  Rows picture = cuda_test::make_picture(test);
  OnGpu gpu(context(), test, picture);
  CudaVideo odd = gpu.target();
  odd.size = {33, 32};
  const auto refused = (*converter)->convert(gpu.source(), odd, {}, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, gstx::ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("even size"));
  ASSERT_TRUE((*converter)->convert(gpu.source(), gpu.target(), {}, nullptr));
  EXPECT_EQ(first_difference(test, gpu.download(), reference(test, picture)), "");
}

TEST_F(GpuConvertTest, LoadsAndUnloadsManyTimes) {
  for (int i = 0; i < 100; ++i) {
    const auto converter = CudaConverter::make(context());
    ASSERT_TRUE(converter) << "after " << i << ": " << converter.error().message;
  }
}

// Not under compute-sanitizer, which makes it many times slower: --gtest_filter=-*Time*
TEST_F(GpuConvertTest, TimeOfTheKernel) {
  const auto converter = CudaConverter::make(context());
  ASSERT_TRUE(converter) << converter.error().message;
  const Stream stream(context());
  struct Figure {
    const char* what;
    ConvertCase test;
    double bound_ms;  // 0: printed only
  };
  const Figure figures[] = {
      {"1080p NV12", {VideoLayout::nv12, {1920, 1080}, {1920, 1080}, {}, {}}, 0.02},
      {"1080p I420", {VideoLayout::i420, {1920, 1080}, {1920, 1080}, {}, {}}, 0},
      {"1080p Y444", {VideoLayout::y444, {1920, 1080}, {1920, 1080}, {}, {}}, 0},
      {"1080p NV12 from 960 x 540", {VideoLayout::nv12, {960, 540}, {1920, 1080}, {}, {}}, 0},
      {"4K NV12", {VideoLayout::nv12, {3840, 2160}, {3840, 2160}, {}, {}}, 0},
  };
  for (const Figure& figure : figures) {
    Rows picture = cuda_test::make_picture(figure.test);
    OnGpu gpu(context(), figure.test, picture);
    const double ms = gpu_time_ms(stream, context(), 200, [&] {
      EXPECT_TRUE((*converter)->convert(gpu.source(), gpu.target(), {}, stream.get()));
    });
    fmt::print("convert {}: {:.4f} ms (median of 200, CUDA events)\n", figure.what, ms);
    ASSERT_GT(ms, 0);
    if (figure.bound_ms > 0) {
      EXPECT_LE(ms, figure.bound_ms) << figure.what;
    }
  }
}

}  // namespace
}  // namespace napari::engine::gpu_test
