// GL buffers in CUDA: what GL has drawn arrives, in the order of GL's commands; refusals; the time of the change-over.
#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include <epoxy/gl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/cuda/cuda_gl_buffer.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gpu_fixture.hpp"

namespace napari::engine::gpu_test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kRowBytes = 4 * 1920;
constexpr std::size_t kRows = 1080;
constexpr std::size_t kStride = 8192;

// A GL buffer of one picture, registered. All of it on the gl thread.
class GpuGlBufferTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto opened = GlContext::open(0);
    if (!opened) GTEST_SKIP() << "no EGL on CUDA device 0: " << opened.error().message;
    gl_ = *std::move(opened);
    target_ = std::make_unique<DeviceMemory>(context(), kStride * kRows);
    gl_->run([&] {
      glCreateBuffers(1, &buffer_);
      glNamedBufferStorage(buffer_, kRowBytes * kRows, nullptr, GL_DYNAMIC_STORAGE_BIT);
      auto registered = CudaGlBuffer::register_buffer(buffer_, context());
      if (registered) {
        shared_ = *std::move(registered);
      } else {
        ADD_FAILURE() << registered.error().message;
      }
    });
    ASSERT_TRUE(shared_ != nullptr);
  }
  void TearDown() override {
    if (gl_ == nullptr) return;
    gl_->run([&] {
      shared_.reset();
      if (buffer_ != 0) glDeleteBuffers(1, &buffer_);
      EXPECT_TRUE(gl_->check("after the test"));
    });
  }

  [[nodiscard]] CudaRows rows(CUstream stream = nullptr) const {
    return {context(), target_->address(), kStride, stream};
  }

  std::shared_ptr<GlContext> gl_;
  std::unique_ptr<CudaGlBuffer> shared_;
  std::unique_ptr<DeviceMemory> target_;
  GLuint buffer_{0};
};

TEST_F(GpuGlBufferTest, CopiesEveryRowAndNothingBesideIt) {
  std::vector<std::uint8_t> picture(kRowBytes * kRows);
  for (std::size_t i = 0; i < picture.size(); ++i)
    picture[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
  std::vector<std::uint8_t> got(kStride * kRows, 0xa5);
  target_->upload(got);
  const Stream stream(context());
  gl_->run([&] {
    glNamedBufferSubData(buffer_, 0, static_cast<GLsizeiptr>(picture.size()), picture.data());
    const auto copied = shared_->copy_to(rows(stream.get()), kRowBytes, kRows);
    EXPECT_TRUE(copied) << copied.error().message;
  });
  stream.wait();
  target_->download(got);
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto begin = got.begin() + static_cast<std::ptrdiff_t>(row * kStride);
    const auto expected = picture.begin() + static_cast<std::ptrdiff_t>(row * kRowBytes);
    ASSERT_TRUE(std::equal(begin, begin + kRowBytes, expected)) << "row " << row;
    ASSERT_TRUE(std::all_of(begin + kRowBytes, begin + kStride, [](auto b) { return b == 0xa5; }))
        << "beside row " << row;
  }
}

// GL writes, CUDA copies, GL writes again, without a wait of ours in between.
TEST_F(GpuGlBufferTest, IsInTheOrderOfGlsCommands) {
  const Stream stream(context());
  std::vector<std::uint8_t> got(kStride * kRows);
  for (std::uint32_t i = 1; i <= 100; ++i) {
    const std::uint32_t value = i * 0x01010101U;
    gl_->run([&] {
      const auto clear = [&](std::uint32_t with) {
        glClearNamedBufferData(buffer_, GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT, &with);
      };
      clear(value);
      const auto copied = shared_->copy_to(rows(stream.get()), kRowBytes, kRows);
      EXPECT_TRUE(copied) << copied.error().message;
      clear(0xdeadbeef);
    });
    stream.wait();
    target_->download(got);
    for (const std::size_t row : {std::size_t{0}, kRows / 2, kRows - 1}) {
      const auto begin = got.begin() + static_cast<std::ptrdiff_t>(row * kStride);
      ASSERT_TRUE(std::all_of(begin, begin + kRowBytes, [&](auto b) { return b == i; }))
          << "picture " << i << ", row " << row;
    }
  }
}

TEST_F(GpuGlBufferTest, RefusesWhatIsNotThereAndGoesOn) {
  const auto refusal = [&](const CudaRows& where, std::size_t row_bytes, std::size_t row_count) {
    std::string message;
    gl_->run([&] {
      const auto copied = shared_->copy_to(where, row_bytes, row_count);
      message = copied ? "" : copied.error().message;
    });
    return message;
  };
  EXPECT_THAT(refusal(rows(), kRowBytes, kRows + 1), HasSubstr("not in a GL buffer of"));
  CudaRows narrow = rows();
  narrow.stride_bytes = kRowBytes - 1;
  EXPECT_THAT(refusal(narrow, kRowBytes, kRows), HasSubstr("bytes apart"));
  CudaRows foreign = rows();
  foreign.context = nullptr;
  EXPECT_THAT(refusal(foreign, kRowBytes, kRows), HasSubstr("another CUDA context"));
  EXPECT_EQ(refusal(rows(), kRowBytes, kRows), "");
  gl_->run([&] {
    const auto nothing = CudaGlBuffer::register_buffer(buffer_ + 1000, context());
    EXPECT_FALSE(nothing);
    EXPECT_THAT(nothing ? "" : nothing.error().message, HasSubstr("same device"));
  });
}

TEST_F(GpuGlBufferTest, TimeOfACopy) {
  const Stream stream(context());
  std::vector<double> times;
  for (int run = -10; run < 200; ++run) {
    const auto start = std::chrono::steady_clock::now();
    gl_->run([&] {
      const std::uint32_t value = static_cast<std::uint32_t>(run);
      glClearNamedBufferData(buffer_, GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT, &value);
      EXPECT_TRUE(shared_->copy_to(rows(stream.get()), kRowBytes, kRows));
    });
    stream.wait();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (run >= 0) times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + 100, times.end());
  fmt::print("1080p: clear by GL, copy to CUDA, wait: {:.3f} ms (median of 200)\n", times[100]);
  EXPECT_LT(times[100], 5.0);
}

}  // namespace
}  // namespace napari::engine::gpu_test
