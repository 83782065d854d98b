// What the chosen drawer does on a GPU whose memory somebody else has taken: a picture, whoever draws it, and the GPU again when the
// memory is back.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/gl_fixture.hpp"
#include "engine/gpu_fixture.hpp"
#include "engine/renderer.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace napari::engine::gpu_test {
namespace {

// All the memory that the device gives, in pieces that become smaller.
class Glutton {
 public:
  explicit Glutton(GstCudaContext* context) : context_(context) {
    const PushedCudaContext pushed(context_);
    constexpr unsigned kMiB = 1U << 20;
    for (const unsigned bytes : {2048 * kMiB, 256 * kMiB, 32 * kMiB, 4 * kMiB}) {
      CUdeviceptr address = 0;
      while (CuMemAlloc(&address, bytes) == CUDA_SUCCESS) {
        pieces_.push_back(address);
        taken_bytes_ += bytes;
      }
    }
  }
  ~Glutton() { give_back(); }
  Glutton(const Glutton&) = delete;
  Glutton& operator=(const Glutton&) = delete;

  void give_back() {
    const PushedCudaContext pushed(context_);
    for (const CUdeviceptr piece : pieces_) CuMemFree(piece);
    pieces_.clear();
  }
  [[nodiscard]] std::size_t taken_bytes() const { return taken_bytes_; }

 private:
  GstCudaContext* context_;
  std::vector<CUdeviceptr> pieces_;
  std::size_t taken_bytes_{0};
};

class GpuRebuildTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto chosen = make_drawer({.backend = BackendChoice::automatic, .device = "0"});
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message;
    if (!chosen->drawer->draws_on_gpu()) GTEST_SKIP() << chosen->reason;
    renderer_ = std::make_unique<Renderer>(std::move(chosen->drawer), Renderer::Params{});
  }
  // Another plan each time: 90 MB of voxels that no GPU has yet.
  [[nodiscard]] std::shared_ptr<const data::RenderPlan> volume() {
    constexpr std::int64_t kFiner = 8;
    auto plan = std::make_shared<data::RenderPlan>(
        gl_test::volume_plan(data::DType::u16, data::Interpolation::linear, true));
    plan->scene_version = ++version_;
    data::VolumeBlock& volume = *plan->layers[0].volume;
    std::array<std::int64_t, 3> shape = volume.block->shape;
    for (auto& extent : shape) extent *= kFiner;
    volume.block = gl_test::make_block(data::DType::u16, shape, [](auto z, auto y, auto x) {
      return static_cast<double>((z * 97 + y * 31 + x * 7) % 50000);
    });
    volume.bricks = data::make_brick_maxima(*volume.block);
    for (double& spacing : volume.spacing) spacing /= kFiner;
    return plan;
  }
  void expect_right(const std::shared_ptr<const data::RenderPlan>& plan, const char* when) {
    renderer_->submit(plan);
    const auto picture = renderer_->picture();
    ASSERT_TRUE(picture.has_value()) << when << ": " << picture.error().message;
    const auto pixels = pixels_of(**picture);
    ASSERT_TRUE(pixels.has_value()) << when << ": " << pixels.error().message;
    const std::size_t bytes =
        (*picture)->stride_bytes * static_cast<std::size_t>((*picture)->size.height_px);
    const gl_test::Pixels drawn(pixels->get(), pixels->get() + bytes);
    const auto simd = make_simd_drawer(2);
    const auto expected = gl_test::draw(*simd, *plan);
    ASSERT_TRUE(expected.has_value());
    EXPECT_GT(gl_test::compare(drawn, *expected).within_one, 0.999) << when;
    fmt::print("[          ] {}: drawn with {}\n", when, renderer_->drawer_name());
  }

  std::unique_ptr<Renderer> renderer_;
  std::uint64_t version_{0};
};

TEST_F(GpuRebuildTest, MemoryThatSomebodyElseTookLeavesAPicture) {
  expect_right(volume(), "before");
  Glutton glutton(context());
  ASSERT_GT(glutton.taken_bytes(), std::size_t{1} << 30);
  for (int i = 0; i < 3; ++i) expect_right(volume(), "without memory");
  glutton.give_back();
  expect_right(volume(), "with memory again");
}

TEST_F(GpuRebuildTest, ServerThatStartsWithoutMemoryDrawsToo) {
  renderer_.reset();
  const Glutton glutton(context());
  auto chosen = make_drawer({.backend = BackendChoice::automatic, .device = "0"});
  ASSERT_TRUE(chosen.has_value()) << "the next best road is the CPU";
  renderer_ = std::make_unique<Renderer>(std::move(chosen->drawer), Renderer::Params{});
  expect_right(volume(), "started without memory");
}

}  // namespace
}  // namespace napari::engine::gpu_test
