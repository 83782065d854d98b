// One drawn picture by each road to video: GL compute into mapped memory, CUDA's kernel, and SIMD on what is read back. The codes must
// be the same, byte for byte: which road is taken is nobody's business but the encoder's.
#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/cuda/cuda_converter.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl_fixture.hpp"
#include "engine/gpu_fixture.hpp"

namespace napari::engine::gpu_test {
namespace {

using data::CanvasSize;

struct Road {
  VideoLayout layout;
  CanvasSize drawn, size;
  ConvertOptions options;

  [[nodiscard]] std::string name() const {
    return fmt::format("layout {}, {}x{} to {}x{}, matrix {}{}", static_cast<int>(layout),
                       drawn.width_px, drawn.height_px, size.width_px, size.height_px,
                       static_cast<int>(options.matrix),
                       options.bottom_first ? ", bottom first" : "");
  }
};

// The rows of every plane, one after the other, without what lies between them.
std::vector<std::uint8_t> codes(const MappedVideo& where, const std::uint8_t* memory) {
  std::vector<std::uint8_t> all;
  const auto width = static_cast<std::size_t>(where.size.width_px);
  const auto height = static_cast<std::size_t>(where.size.height_px);
  for (std::size_t plane = 0; plane < (where.layout == VideoLayout::nv12 ? 2U : 3U); ++plane) {
    const bool halved = plane > 0 && where.layout != VideoLayout::y444;
    const std::size_t row = plane > 0 && where.layout == VideoLayout::i420 ? width / 2 : width;
    for (std::size_t y = 0; y < (halved ? height / 2 : height); ++y) {
      const std::uint8_t* const from = memory + where.offset[plane] + y * where.stride_bytes[plane];
      all.insert(all.end(), from, from + row);
    }
  }
  return all;
}

class GpuRoadsTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (const auto hardware = probe_gl_hardware(0); !hardware)
      GTEST_SKIP() << "no EGL on CUDA device 0: " << hardware.error().message;
    auto drawer = make_gl_drawer(0);
    ASSERT_TRUE(drawer) << drawer.error().message;
    drawer_ = *std::move(drawer);
    auto converter = CudaConverter::make(context());
    ASSERT_TRUE(converter) << converter.error().message;
    converter_ = *std::move(converter);
  }

  GpuFramePtr drawn(CanvasSize size) {
    data::RenderPlan plan = gl_test::plane_plan(data::DType::u16, data::Interpolation::linear);
    plan.plane.world_per_px *= static_cast<double>(plan.canvas.width_px) / size.width_px;
    plan.canvas = size;
    auto frame = drawer_->make_frame(size);
    EXPECT_TRUE(frame) << frame.error().message;
    if (!frame) return nullptr;
    EXPECT_TRUE(drawer_->draw(plan, GpuTarget{*frame}, {}));
    return *frame;
  }

  // The frame copied to CUDA memory and converted there, laid out as `like`.
  std::vector<std::uint8_t> by_cuda(GpuFrame& frame, const Road& road, const MappedVideo& like) {
    const auto stride = 4 * static_cast<std::size_t>(road.drawn.width_px);
    const DeviceMemory rgba(context(), stride * static_cast<std::size_t>(road.drawn.height_px));
    DeviceMemory planes(context(), like.bytes);
    const Stream stream(context());
    const auto copied = frame.copy_to({context(), rgba.address(), stride, stream.get()});
    EXPECT_TRUE(copied) << copied.error().message;
    CudaVideo video{.layout = road.layout, .size = road.size, .stride_bytes = like.stride_bytes};
    for (std::size_t plane = 0; plane < 3; ++plane)
      video.planes[plane] = planes.address() + like.offset[plane];
    const auto converted = converter_->convert({rgba.address(), stride, road.drawn}, video,
                                               road.options, stream.get());
    EXPECT_TRUE(converted) << converted.error().message;
    stream.wait();
    std::vector<std::uint8_t> memory(like.bytes);
    planes.download(memory);
    return codes(like, memory.data());
  }

  static std::vector<std::uint8_t> by_simd(GpuFrame& frame, const Road& road,
                                           const MappedVideo& like) {
    const auto pixels = frame.read();
    EXPECT_TRUE(pixels) << pixels.error().message;
    if (!pixels) return {};
    std::vector<std::uint8_t> memory(like.bytes);
    VideoTarget target{.layout = road.layout, .size = road.size};
    for (std::size_t plane = 0; plane < 3; ++plane) {
      target.planes[plane] = memory.data() + like.offset[plane];
      target.stride_bytes[plane] = like.stride_bytes[plane];
    }
    ColorConverter converter(2);
    const auto stride = 4 * static_cast<std::size_t>(road.drawn.width_px);
    EXPECT_TRUE(converter.convert({pixels->get(), stride, road.drawn}, target, road.options));
    return codes(like, memory.data());
  }

  std::unique_ptr<Drawer> drawer_;
  std::unique_ptr<CudaConverter> converter_;
};

TEST_F(GpuRoadsTest, GiveTheSameCodes) {
  for (const VideoLayout layout : {VideoLayout::nv12, VideoLayout::i420, VideoLayout::y444}) {
    for (const Road& road : {Road{layout, {1920, 1080}, {1920, 1080}, {}},
                             Road{layout, {640, 360}, {1920, 1080}, {ColorMatrix::bt601, true}},
                             Road{layout, {1278, 718}, {1280, 720}, {ColorMatrix::bt709, true}},
                             Road{layout, {322, 242}, {322, 242}, {ColorMatrix::bt601, false}}}) {
      const GpuFramePtr frame = drawn(road.drawn);
      ASSERT_TRUE(frame != nullptr);
      const auto by_gl = frame->convert(road.layout, road.size, road.options);
      ASSERT_TRUE(by_gl) << road.name() << ": " << by_gl.error().message;
      const std::vector<std::uint8_t> gl = codes(*by_gl, by_gl->memory.get());
      EXPECT_GT(*std::max_element(gl.begin(), gl.end()), 64) << "an empty picture";
      EXPECT_TRUE(gl == by_simd(*frame, road, *by_gl)) << "GL and SIMD: " << road.name();
      EXPECT_TRUE(gl == by_cuda(*frame, road, *by_gl)) << "GL and CUDA: " << road.name();
    }
  }
}

}  // namespace
}  // namespace napari::engine::gpu_test
