// RebuildingDrawer over real GL back ends: one that fails is followed by another, and frames of the first stay readable. Runs on any
// EGL device, Mesa's llvmpipe included.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/gl/gl_drawer.hpp"
#include "engine/gl_fixture.hpp"
#include "engine/rebuilding_drawer.hpp"
#include "engine/renderer.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace napari::engine::gl_test {
namespace {

// A GL drawer that draws and then says that it failed, as often as it is told to.
class FailingGl final : public Drawer {
 public:
  struct Orders {
    gstx::ErrorCode code{gstx::ErrorCode::internal};
    int failures{0};
  };
  FailingGl(std::unique_ptr<Drawer> gl, Orders& orders) : gl_(std::move(gl)), orders_(orders) {}
  [[nodiscard]] std::string name() const override { return gl_->name(); }
  [[nodiscard]] bool draws_on_gpu() const override { return true; }
  [[nodiscard]] gstx::Result<GpuFramePtr> make_frame(data::CanvasSize size) override {
    return gl_->make_frame(size);
  }
  [[nodiscard]] gstx::Result<void> draw(const data::RenderPlan& plan, const DrawTarget& target,
                                        std::stop_token stop) override {
    GSTX_TRY(gl_->draw(plan, target, stop));
    if (orders_.failures <= 0) return {};
    --orders_.failures;
    return gstx::fail(orders_.code, "told to fail");
  }
  void set_skipping(bool enabled) override { gl_->set_skipping(enabled); }

 private:
  std::unique_ptr<Drawer> gl_;
  Orders& orders_;
};

struct GlRebuildTest : testing::Test {
  FailingGl::Orders orders;
  std::vector<std::string> warnings;
  std::shared_ptr<const data::RenderPlan> plan =
      std::make_shared<data::RenderPlan>(plane_plan(data::DType::u16, data::Interpolation::linear));

  gstx::Result<std::unique_ptr<Drawer>> make_gl() {
    GSTX_ASSIGN_OR_RETURN(std::unique_ptr<Drawer> gl, make_gl_drawer(0));
    return std::make_unique<FailingGl>(std::move(gl), orders);
  }
  // Null where this machine has no EGL device.
  std::unique_ptr<Renderer> make_renderer() {
    auto gl = make_gl();
    if (!gl) return nullptr;
    RebuildingDrawer::Params params;
    params.make_gpu = [this] { return make_gl(); };
    params.make_cpu = []() -> gstx::Result<std::unique_ptr<Drawer>> { return make_simd_drawer(1); };
    params.on_warning = [this](const std::string& text) { warnings.push_back(text); };
    params.limits.backoff_ns = 1000;
    return std::make_unique<Renderer>(
        std::make_unique<RebuildingDrawer>(std::move(*gl), std::move(params)), Renderer::Params{});
  }
  PicturePtr show(Renderer& renderer) {
    renderer.submit(plan);
    const auto picture = renderer.picture();
    if (!picture) ADD_FAILURE() << picture.error().message;
    return picture.value_or(nullptr);
  }
  static Pixels pixels(const Picture& picture) {
    const auto read = pixels_of(picture);
    if (!read) ADD_FAILURE() << read.error().message;
    const std::size_t bytes =
        picture.stride_bytes * static_cast<std::size_t>(picture.size.height_px);
    return read ? Pixels(read->get(), read->get() + bytes) : Pixels(bytes);
  }
};

#define RENDERER_OR_SKIP(renderer)       \
  const auto renderer = make_renderer(); \
  if (renderer == nullptr) GTEST_SKIP() << "no EGL device to draw on"

TEST_F(GlRebuildTest, TheNextBackEndDrawsTheSamePictureAndOldFramesStayReadable) {
  RENDERER_OR_SKIP(renderer);
  const PicturePtr before = show(*renderer);
  orders.failures = 2;
  const PicturePtr after = show(*renderer);
  ASSERT_NE(after, nullptr);
  ASSERT_NE(after->frame, nullptr);
  EXPECT_EQ(warnings.size(), 2U);
  const Pixels drawn = pixels(*after);
  EXPECT_EQ(drawn, pixels(*before)) << "of a back end that is gone";
  EXPECT_GT(compare(drawn, draw_reference(*plan)).within_one, 0.999);
  const auto planes = before->frame->convert(VideoLayout::nv12, before->size, {});
  EXPECT_TRUE(planes.has_value()) << planes.error().message;
}

TEST_F(GlRebuildTest, TheCpuDrawsTheSamePictureAfterThat) {
  RENDERER_OR_SKIP(renderer);
  const PicturePtr before = show(*renderer);
  orders = {.code = gstx::ErrorCode::unavailable, .failures = 2};
  const PicturePtr after = show(*renderer);
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->frame, nullptr);
  EXPECT_FALSE(renderer->draws_on_gpu());
  EXPECT_GT(compare(pixels(*after), pixels(*before)).within_one, 0.999);
  EXPECT_THAT(warnings.back(), testing::HasSubstr("drawing goes on with cpu"));
}

TEST_F(GlRebuildTest, FramesOfADeadBackEndAreLetGoAfterEverything) {
  PicturePtr held;
  {
    RENDERER_OR_SKIP(renderer);
    held = show(*renderer);
    orders.failures = 1;
    static_cast<void>(show(*renderer));
  }
  EXPECT_EQ(pixels(*held).size(),
            held->stride_bytes * static_cast<std::size_t>(held->size.height_px));
  held.reset();
}

}  // namespace
}  // namespace napari::engine::gl_test
