// Frames of the GL drawer: what is read, converted and written, the bounds on them, and who may let go of them when. The planes are
// compared with ColorConverter's, code for code. Runs on any EGL device, Mesa's llvmpipe included.
#include "engine/gl/gl_frame.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/color_convert.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl_fixture.hpp"

namespace napari::engine::gl_test {
namespace {

using data::CanvasSize;
using data::DType;
using data::Interpolation;
using testing::HasSubstr;

Pixels noise_pixels(CanvasSize size, unsigned seed = 5) {
  std::mt19937 random(seed);
  Pixels pixels(static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px) *
                4);
  for (auto& byte : pixels) byte = static_cast<std::uint8_t>(random());
  // Steps between extremes, where rounding shows first.
  for (std::size_t i = 0; i < pixels.size() / 4; ++i) pixels[i] = i / 4 % 3 == 0 ? 255 : 0;
  return pixels;
}

Pixels copied(const std::shared_ptr<const std::uint8_t>& pixels, CanvasSize size) {
  return {pixels.get(),
          pixels.get() + static_cast<std::ptrdiff_t>(size.width_px) * size.height_px * 4};
}

// What ColorConverter makes of `pixels`, in the layout that the frame chose.
std::vector<std::uint8_t> expected_video(const Pixels& pixels, CanvasSize size,
                                         const MappedVideo& video, const ConvertOptions& options) {
  std::vector<std::uint8_t> memory(video.bytes, 0);
  VideoTarget target{.layout = video.layout, .size = video.size};
  for (std::size_t plane = 0; plane < 3; ++plane) {
    if (video.stride_bytes[plane] == 0) continue;
    target.planes[plane] = memory.data() + video.offset[plane];
    target.stride_bytes[plane] = video.stride_bytes[plane];
  }
  ColorConverter converter(1);
  const auto done = converter.convert(
      {pixels.data(), static_cast<std::size_t>(size.width_px) * 4, size}, target, options);
  EXPECT_TRUE(done) << done.error().message;
  return memory;
}

// How many codes of all planes differ, padding left out.
std::size_t differing(const MappedVideo& video, const std::vector<std::uint8_t>& expected) {
  std::size_t count = 0;
  const auto width = static_cast<std::size_t>(video.size.width_px);
  const auto height = static_cast<std::size_t>(video.size.height_px);
  for (std::size_t plane = 0; plane < 3; ++plane) {
    if (video.stride_bytes[plane] == 0) continue;
    const bool chroma = plane > 0;
    const std::size_t row = chroma && video.layout == VideoLayout::i420 ? width / 2 : width;
    const std::size_t rows = chroma && video.layout != VideoLayout::y444 ? height / 2 : height;
    for (std::size_t y = 0; y < rows; ++y) {
      for (std::size_t x = 0; x < row; ++x) {
        const std::size_t at = video.offset[plane] + y * video.stride_bytes[plane] + x;
        if (video.memory.get()[at] != expected[at]) ++count;
      }
    }
  }
  return count;
}

// Threads of this process that run a GL context.
int gl_threads() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(entry.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == "gl") ++count;
  }
  return count;
}

class GlFrameTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    auto made = make_gl_drawer(0);
    if (made) {
      drawer_ = *std::move(made);
    } else {
      reason_ = made.error().message;
    }
  }
  static void TearDownTestSuite() { drawer_.reset(); }
  void SetUp() override {
    if (drawer_ == nullptr) GTEST_SKIP() << "no EGL device to draw with: " << reason_;
  }

 protected:
  static GpuFramePtr frame_of(Drawer& drawer, CanvasSize size) {
    auto frame = drawer.make_frame(size);
    EXPECT_TRUE(frame) << frame.error().message;
    return frame.value_or(nullptr);
  }
  static GpuFramePtr frame_of(CanvasSize size) { return frame_of(*drawer_, size); }
  static GpuFramePtr written(CanvasSize size, const Pixels& pixels) {
    GpuFramePtr frame = frame_of(size);
    const auto done = frame->write(pixels, static_cast<std::size_t>(size.width_px) * 4,
                                   size.width_px, size.height_px);
    EXPECT_TRUE(done) << done.error().message;
    return frame;
  }
  static Pixels read(GpuFrame& frame) {
    const auto pixels = frame.read();
    EXPECT_TRUE(pixels) << pixels.error().message;
    return pixels ? copied(*pixels, frame.size()) : Pixels();
  }

  static std::unique_ptr<Drawer> drawer_;  // NOLINT: programs are compiled once
  static std::string reason_;              // NOLINT
};
std::unique_ptr<Drawer> GlFrameTest::drawer_;  // NOLINT
std::string GlFrameTest::reason_;              // NOLINT

TEST_F(GlFrameTest, FrameHoldsThePictureThatTheCpuGets) {
  std::vector<data::RenderPlan> plans;
  plans.push_back(plane_plan(DType::u16, Interpolation::linear));
  plans.push_back(plane_plan(DType::f32, Interpolation::nearest));
  plans.push_back(plans[0]);
  plans.back().layers.push_back(plane_plan(DType::u8, Interpolation::nearest).layers[0]);
  plans.back().layers[1].transfer.opacity = 0.4;
  plans.push_back(volume_plan(DType::u16, Interpolation::linear, true));
  data::RenderPlan empty;
  empty.canvas = {90, 34};
  plans.push_back(empty);
  EXPECT_TRUE(drawer_->draws_on_gpu());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const CanvasSize size = drawn_size(plans[i]);
    const auto expected = draw(*drawer_, plans[i]);
    ASSERT_TRUE(expected) << expected.error().message;
    const GpuFramePtr frame = frame_of(size);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->size(), size);
    const auto drawn = drawer_->draw(plans[i], GpuTarget{frame}, {});
    ASSERT_TRUE(drawn) << drawn.error().message;
    EXPECT_EQ(read(*frame), *expected) << "plan " << i;
  }
}

TEST_F(GlFrameTest, FrameIsReadOnceAndAgainAfterDrawing) {
  const data::RenderPlan plan = plane_plan(DType::u8, Interpolation::nearest);
  const GpuFramePtr frame = frame_of(plan.canvas);
  ASSERT_TRUE(drawer_->draw(plan, GpuTarget{frame}, {}));
  const auto first = frame->read();
  const auto second = frame->read();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->get(), second->get());
  const Pixels before = copied(*first, plan.canvas);
  data::RenderPlan inverted = plan;
  std::swap(inverted.layers[0].transfer.contrast_low, inverted.layers[0].transfer.contrast_high);
  ASSERT_TRUE(drawer_->draw(inverted, GpuTarget{frame}, {}));
  EXPECT_NE(read(*frame), before);
  EXPECT_EQ(copied(*first, plan.canvas), before) << "what was read is the reader's";
}

struct Enlargement {
  CanvasSize source, target;
};

TEST_F(GlFrameTest, ConvertedPlanesAreColorConvertersCodeForCode) {
  const std::vector<Enlargement> even{{{178, 70}, {178, 70}},   {{89, 35}, {178, 70}},
                                      {{53, 69}, {178, 70}},    {{1, 1}, {2, 2}},
                                      {{1, 1}, {66, 34}},       {{2, 2}, {2, 2}},
                                      {{320, 180}, {320, 180}}, {{211, 119}, {320, 180}}};
  const std::vector<Enlargement> odd{
      {{1, 1}, {1, 1}}, {{177, 69}, {177, 69}}, {{61, 33}, {177, 69}}, {{3, 1}, {5, 7}}};
  for (const auto layout : {VideoLayout::nv12, VideoLayout::i420, VideoLayout::y444}) {
    std::vector<Enlargement> cases = even;
    if (layout == VideoLayout::y444) cases.insert(cases.end(), odd.begin(), odd.end());
    for (const auto& [source, target] : cases) {
      const Pixels pixels = noise_pixels(source);
      const GpuFramePtr frame = written(source, pixels);
      for (const auto matrix : {ColorMatrix::bt709, ColorMatrix::bt601}) {
        for (const bool flip : {false, true}) {
          const ConvertOptions options{matrix, flip};
          const auto video = frame->convert(layout, target, options);
          ASSERT_TRUE(video) << video.error().message;
          EXPECT_EQ(video->layout, layout);
          EXPECT_EQ(video->size, target);
          EXPECT_EQ(video->stride_bytes[0] % 64, 0U);
          EXPECT_EQ(differing(*video, expected_video(pixels, source, *video, options)), 0U)
              << fmt::format("layout {} of {} x {} from {} x {}, matrix {}, flip {}",
                             static_cast<int>(layout), target.width_px, target.height_px,
                             source.width_px, source.height_px, static_cast<int>(matrix), flip);
        }
      }
    }
  }
}

TEST_F(GlFrameTest, RefusesWhatCannotBeConverted) {
  const GpuFramePtr frame = frame_of({64, 32});
  const auto refusal = [&](VideoLayout layout, CanvasSize size) {
    const auto video = frame->convert(layout, size, {});
    if (video) return std::string("was converted");
    EXPECT_EQ(video.error().code, gstx::ErrorCode::invalid_argument);
    return video.error().message;
  };
  EXPECT_THAT(refusal(VideoLayout::nv12, {32, 32}), HasSubstr("64 x 32 px does not fit 32 x 32"));
  EXPECT_THAT(refusal(VideoLayout::i420, {65, 32}), HasSubstr("even size, not 65 x 32"));
  EXPECT_THAT(refusal(VideoLayout::y444, {0, 32}), HasSubstr("1..16384"));
  EXPECT_THAT(refusal(VideoLayout::y444, {64, 20000}), HasSubstr("1..16384"));
}

TEST_F(GlFrameTest, RefusesFramesOfNoSize) {
  for (const CanvasSize size : {CanvasSize{0, 10}, CanvasSize{10, -1}, CanvasSize{16385, 10}}) {
    const auto frame = drawer_->make_frame(size);
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().code, gstx::ErrorCode::invalid_argument);
    EXPECT_THAT(frame.error().message, HasSubstr("1..16384"));
  }
}

TEST_F(GlFrameTest, WritesTheRowsItIsGivenAndNoOther) {
  const data::RenderPlan plan = plane_plan(DType::u16, Interpolation::linear);
  const GpuFramePtr frame = frame_of(plan.canvas);
  ASSERT_TRUE(drawer_->draw(plan, GpuTarget{frame}, {}));
  Pixels expected = read(*frame);
  constexpr int kWidth = 37;
  constexpr int kRows = 5;
  constexpr std::size_t kStride = 4 * kWidth + 12;
  Pixels rows = noise_pixels({40, kRows});
  const std::size_t row_bytes = static_cast<std::size_t>(plan.canvas.width_px) * 4;
  for (std::size_t y = 0; y < kRows; ++y)
    std::copy_n(&rows[y * kStride], std::size_t{4} * kWidth, &expected[y * row_bytes]);
  const auto done = frame->write(rows, kStride, kWidth, kRows);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(read(*frame), expected);
  EXPECT_FALSE(frame->write(rows, kStride, plan.canvas.width_px + 1, 1));
  EXPECT_FALSE(frame->write(rows, kStride, kWidth, plan.canvas.height_px + 1));
  EXPECT_FALSE(frame->write(rows, kStride, kWidth, kRows + 1)) << "reads past its input";
  EXPECT_FALSE(frame->write(rows, 4 * kWidth - 1, kWidth, kRows));
  EXPECT_FALSE(frame->write(rows, kStride, 0, kRows));
  EXPECT_EQ(read(*frame), expected);
}

TEST_F(GlFrameTest, FramesOutAreBounded) {
  std::vector<GpuFramePtr> frames;
  for (std::size_t i = 0; i < kGlFramesMax; ++i) frames.push_back(frame_of({64, 64}));
  const auto refused = drawer_->make_frame({64, 64});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, gstx::ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("all {} buffers", kGlFramesMax)));
  // A still for the CPU needs none of them.
  EXPECT_TRUE(draw(*drawer_, plane_plan(DType::u8, Interpolation::nearest)));
  frames.pop_back();
  EXPECT_TRUE(drawer_->make_frame({64, 64}));
  frames.clear();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(drawer_->make_frame({64, 64}));
}

TEST_F(GlFrameTest, OldSizesGiveWayAndHeldFramesStay) {
  const CanvasSize old_size{48, 20};
  const Pixels old_pixels = noise_pixels(old_size);
  const GpuFramePtr old = written(old_size, old_pixels);
  for (int i = 0; i < 3 * static_cast<int>(kGlFramesMax); ++i) {
    const CanvasSize size{64 + 16 * i, 40 + 30 * i};
    const Pixels pixels = noise_pixels(size, static_cast<unsigned>(i));
    const GpuFramePtr frame = written(size, pixels);
    ASSERT_EQ(read(*frame), pixels);
  }
  EXPECT_EQ(read(*old), old_pixels);
}

TEST_F(GlFrameTest, RefusesFramesOfOthers) {
  auto other = make_gl_drawer(0);
  ASSERT_TRUE(other);
  const data::RenderPlan plan = plane_plan(DType::u8, Interpolation::nearest);
  for (const GpuFramePtr& frame : {frame_of(**other, plan.canvas), GpuFramePtr()}) {
    const auto drawn = drawer_->draw(plan, GpuTarget{frame}, {});
    ASSERT_FALSE(drawn);
    EXPECT_EQ(drawn.error().code, gstx::ErrorCode::failed_precondition);
  }
}

TEST_F(GlFrameTest, StoppedDrawingGivesTheFrameBack) {
  data::RenderPlan plan = volume_plan(DType::u16, Interpolation::linear, true);
  std::stop_source stop;
  stop.request_stop();
  for (std::size_t i = 0; i < 2 * kGlFramesMax; ++i) {
    const auto drawn = drawer_->draw(plan, GpuTarget{frame_of(plan.canvas)}, stop.get_token());
    ASSERT_FALSE(drawn);
    ASSERT_EQ(drawn.error().code, gstx::ErrorCode::unavailable);
  }
}

TEST_F(GlFrameTest, EverythingOutlivesTheDrawerAndEndsOnAnyThread) {
  const int threads_before = gl_threads();
  auto drawer = make_gl_drawer(0);
  ASSERT_TRUE(drawer);
  // A driver's own threads take the name of the one that made them.
  const int threads = gl_threads();
  EXPECT_GT(threads, threads_before);
  const data::RenderPlan plan = plane_plan(DType::u16, Interpolation::linear);
  GpuFramePtr frame = frame_of(**drawer, plan.canvas);
  GpuFramePtr unused = frame_of(**drawer, {640, 400});
  ASSERT_TRUE((*drawer)->draw(plan, GpuTarget{frame}, {}));
  drawer->reset();
  const Pixels pixels = read(*frame);
  EXPECT_EQ(pixels, draw(*drawer_, plan).value_or(Pixels{}));
  auto video = frame->convert(VideoLayout::nv12, plan.canvas, {});
  ASSERT_TRUE(video) << video.error().message;
  const auto expected = expected_video(pixels, plan.canvas, *video, {});
  std::thread([&] { frame.reset(); }).join();
  std::thread([&] { unused.reset(); }).join();
  EXPECT_EQ(differing(*video, expected), 0U);
  EXPECT_EQ(gl_threads(), threads) << "mapped memory keeps the thread that unmaps it";
  std::thread([&] { video->memory.reset(); }).join();
  EXPECT_LT(gl_threads(), threads) << "the last one out ends the thread";
}

TEST_F(GlFrameTest, MoreVideoThanMappedBuffersIsCopiedOut) {
  const CanvasSize size{130, 66};
  std::vector<MappedVideo> videos;
  std::vector<std::vector<std::uint8_t>> expected;
  for (unsigned i = 0; i < 20; ++i) {
    const Pixels pixels = noise_pixels(size, i);
    const auto video = written(size, pixels)->convert(VideoLayout::i420, size, {});
    ASSERT_TRUE(video) << video.error().message;
    expected.push_back(expected_video(pixels, size, *video, {}));
    videos.push_back(*video);
  }
  for (std::size_t i = 0; i < videos.size(); ++i) {
    EXPECT_EQ(differing(videos[i], expected[i]), 0U) << i;
  }
}

TEST_F(GlFrameTest, ThreadsReadConvertAndDrawAtOnce) {
  const data::RenderPlan plan = plane_plan(DType::u16, Interpolation::linear);
  const Pixels pixels = draw(*drawer_, plan).value_or(Pixels{});
  const GpuFramePtr shared = frame_of(plan.canvas);
  ASSERT_TRUE(drawer_->draw(plan, GpuTarget{shared}, {}));
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 8; ++i) {
          const auto frame = drawer_->make_frame(plan.canvas);
          if (!frame || !drawer_->draw(plan, GpuTarget{*frame}, {})) ++wrong;
          const ConvertOptions options{ColorMatrix::bt601, (t + i) % 2 == 0};
          const auto video =
              (t % 2 == 0 ? shared : *frame)->convert(VideoLayout::nv12, plan.canvas, options);
          if (!video ||
              differing(*video, expected_video(pixels, plan.canvas, *video, options)) != 0)
            ++wrong;
          const auto read = (t % 2 == 0 ? *frame : shared)->read();
          if (!read || copied(*read, plan.canvas) != pixels) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(GlFrameTest, CudaIsRefusedWithReasonWhereTheDeviceHasNone) {
  const GpuFramePtr frame = frame_of({16, 16});
  const auto copied = frame->copy_to({});
  ASSERT_FALSE(copied);
  if (frame->cuda_ordinal() >= 0) {
    EXPECT_EQ(copied.error().code, gstx::ErrorCode::invalid_argument);
  } else {
    EXPECT_EQ(copied.error().code, gstx::ErrorCode::unsupported);
    EXPECT_THAT(copied.error().message, HasSubstr("no device that CUDA can name"));
  }
}

// What frames are made of, on a context of their own.
class GlBuffersTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = GlContext::open(0);
    if (!opened) GTEST_SKIP() << "no EGL device to draw with: " << opened.error().message;
    context_ = *std::move(opened);
  }
  gstx::Result<BufferLease> take(BufferPool& pool, std::size_t bytes) {
    gstx::Result<BufferLease> lease;
    context_->run([&] { lease = pool.take(bytes); });
    return lease;
  }
  std::shared_ptr<GlContext> context_;
};

TEST_F(GlBuffersTest, FrameLargerThanAStorageBufferIsRefused) {
  const CanvasSize size{16384, 16384};
  if (context_->limits().storage_bytes >= std::size_t{16384} * 16384 * 4)
    GTEST_SKIP() << "this device holds the largest frame there is";
  const auto frames = GlFrames::make(context_);
  ASSERT_TRUE(frames) << frames.error().message;
  const auto frame = (*frames)->make_frame(size);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, gstx::ErrorCode::unsupported);
  EXPECT_THAT(frame.error().message, HasSubstr("16384 x 16384 exceeds"));
}

TEST_F(GlBuffersTest, NobodyWaitsForAGpuThatIsLost) {
  const auto frames = GlFrames::make(context_);
  ASSERT_TRUE(frames) << frames.error().message;
  const auto frame = (*frames)->make_frame({32, 32});
  ASSERT_TRUE(frame);
  // An error that is not the end of the GPU is nobody else's.
  EXPECT_FALSE((*frames)->run(
      [] { return gstx::Result<void>(gstx::fail(gstx::ErrorCode::internal, "GL error 0x500")); }));
  EXPECT_TRUE((*frame)->read());
  const auto lost = [] {
    return gstx::Result<void>(
        gstx::fail(gstx::ErrorCode::internal, "the GPU lost its context while testing"));
  };
  EXPECT_FALSE((*frames)->run(lost));
  for (const auto& error :
       {(*frame)->read().error(), (*frame)->convert(VideoLayout::nv12, {32, 32}, {}).error(),
        (*frames)->make_frame({640, 480}).error()}) {
    EXPECT_EQ(error.code, gstx::ErrorCode::internal);
    EXPECT_THAT(error.message, HasSubstr("the GPU lost its context while testing"));
  }
}

TEST_F(GlBuffersTest, PoolKeepsToItsBounds) {
  const auto pool = std::make_shared<BufferPool>(context_, BufferKind::device,
                                                 BufferPool::Bounds{.count = 3, .bytes = 105000});
  EXPECT_FALSE(pool->try_take(10000)) << "there is none yet";
  auto first = take(*pool, 40960);
  auto second = take(*pool, 40960);
  ASSERT_TRUE(first && second);
  const auto refused = take(*pool, 30000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, gstx::ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("2 pictures in use take 81920 bytes"));
  auto third = take(*pool, 16000);
  ASSERT_TRUE(third);
  EXPECT_THAT(take(*pool, 1).error().message, HasSubstr("all 3 buffers"));
  const GLuint name = (*first)->buffer.get();
  *first = BufferLease();
  EXPECT_EQ(pool->leased(), 2U);
  const BufferLease again = pool->try_take(40000);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->buffer.get(), name);
  *second = BufferLease();
  const auto larger = take(*pool, 41000);
  ASSERT_TRUE(larger);
  EXPECT_EQ(pool->count(), 3U) << "the second had to go";
}

TEST_F(GlBuffersTest, PoolDropsWhatNobodyTakes) {
  const auto pool = std::make_shared<BufferPool>(context_, BufferKind::device,
                                                 BufferPool::Bounds{.count = 4, .bytes = 1 << 20});
  ASSERT_TRUE(take(*pool, 200000));
  ASSERT_TRUE(take(*pool, 4096)) << "not the large one, which is too large for it";
  EXPECT_EQ(pool->count(), 2U);
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(pool->try_take(4096));
  EXPECT_EQ(pool->count(), 1U);
}

TEST_F(GlBuffersTest, DownloadWorksWithoutPersistentMapping) {
  constexpr std::size_t kBytes = 5000;
  const GLuint word = 0xa1b2c3d4U;
  std::shared_ptr<const std::uint8_t> memory;
  gstx::Result<std::shared_ptr<const std::uint8_t>> failed;
  context_->run([&] {
    GlDownload download(*context_, nullptr);
    auto fetched = download.fetch(kBytes, "testing", [&](GLuint buffer) {
      glBindBuffer(GL_COPY_WRITE_BUFFER, buffer);
      glClearBufferData(GL_COPY_WRITE_BUFFER, GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT, &word);
      return gstx::Result<void>();
    });
    ASSERT_TRUE(fetched) << fetched.error().message;
    memory = *fetched;
    failed = download.fetch(kBytes, "testing", [&](GLuint) {
      glBindBuffer(0x1234, 0);
      return gstx::Result<void>();
    });
  });
  for (std::size_t i = 0; i < kBytes; ++i) ASSERT_EQ(memory.get()[i], word >> 8 * (i % 4) & 0xff);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, gstx::ErrorCode::internal);
  EXPECT_THAT(failed.error().message, HasSubstr("while testing"));
}

}  // namespace
}  // namespace napari::engine::gl_test
