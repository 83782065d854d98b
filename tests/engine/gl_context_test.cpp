// EGL devices, contexts and their ends, and programs.
#include "engine/gl/gl_context.hpp"

#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/gl/egl_devices.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl/gl_objects.hpp"
#include "engine/gl/gl_program.hpp"
#include "engine/gl_fixture.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using data::Interpolation;
using testing::HasSubstr;

class GlContextTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = GlContext::open(0);
    if (!opened) GTEST_SKIP() << "no EGL device to draw with: " << opened.error().message;
    context_ = *std::move(opened);
  }
  std::shared_ptr<GlContext> context_;
};

TEST_F(GlContextTest, DescribesItself) {
  EXPECT_FALSE(context_->info().renderer.empty());
  EXPECT_GE(context_->limits().texture_edge_px, 1024);
  EXPECT_THAT(context_->describe(), HasSubstr(context_->info().software ? "software" : "hardware"));
  std::vector<std::string> lines;
  for (const GlDeviceNote& note : describe_gl_devices()) lines.push_back(note.text);
  ASSERT_FALSE(lines.empty());
  for (const auto& line : lines) fmt::print("  {}\n", line);
  EXPECT_THAT(lines, testing::Contains(HasSubstr(context_->info().renderer)));
  EXPECT_EQ(probe_gl_hardware(0).has_value(), !context_->info().software);
}

TEST_F(GlContextTest, MissingDeviceIsAnErrorThatNamesIt) {
  const auto missing = make_gl_drawer(4242);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, gstx::ErrorCode::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("4242"));
}

TEST_F(GlContextTest, ContextsEndInAnyOrderAndOnAnyThread) {
  auto first = GlContext::open(0);
  auto second = GlContext::open(0);
  auto drawer = make_gl_drawer(0);
  ASSERT_TRUE(first && second && drawer);
  const data::RenderPlan plan = plane_plan(DType::u8, Interpolation::nearest);
  const auto before = draw(**drawer, plan);
  first->reset();  // the older one first
  const auto between = draw(**drawer, plan);
  std::thread([&] { second->reset(); }).join();
  context_.reset();
  const auto after = draw(**drawer, plan);
  ASSERT_TRUE(before && between && after);
  EXPECT_EQ(*before, *between);
  EXPECT_EQ(*before, *after);
  std::thread([&] { drawer->reset(); }).join();
}

TEST_F(GlContextTest, GlErrorsComeWithGlsOwnWords) {
  gstx::Result<void> result;
  gstx::Result<void> again;
  context_->run([&] {
    glBindBuffer(0x1234, 0);
    result = context_->check("testing");
    again = context_->check("testing");
  });
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("0x500 while testing"));
  EXPECT_TRUE(again);
}

TEST_F(GlContextTest, ShaderThatDoesNotCompileSaysWhy) {
  gstx::Result<GlProgram> broken;
  gstx::Result<GlProgram> unknown;
  context_->run([&] {
    broken = GlProgram::compile("slice.comp", {"SAMPLER nonsense2D", "LINEAR 0"});
    unknown = GlProgram::compile("missing.comp", {});
  });
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr("slice.comp (SAMPLER nonsense2D, LINEAR 0)"));
  EXPECT_GT(broken.error().message.size(), 80U) << "the compiler's words are missing";
  EXPECT_EQ(unknown.error().code, gstx::ErrorCode::not_found);
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(GlContextTest, FiftyDrawersLeaveNothingBehind) {
  // Each holds textures and buffers of 6 MiB at least: fifty that leaked would be 300 MiB.
  data::RenderPlan plan = volume_plan(DType::u16, Interpolation::nearest, false);
  plan.layers[0].volume->block =
      make_block(DType::u16, {128, 128, 128}, [](auto...) { return 30000.0; });
  plan.layers[0].volume->bricks = nullptr;
  plan.canvas = {640, 480};
  plan.draw_scale = 1.0 / 8;
  const auto cycle = [&] {
    auto drawer = make_gl_drawer(0);
    ASSERT_TRUE(drawer) << drawer.error().message;
    ASSERT_TRUE(draw(**drawer, plan));
  };
  for (int i = 0; i < 5; ++i) cycle();
  const std::size_t before = resident_bytes();
  for (int i = 0; i < 50; ++i) cycle();
  const std::size_t after = resident_bytes();
  const double grown_mib = (static_cast<double>(after) - static_cast<double>(before)) / (1 << 20);
  fmt::print("  50 drawers: {:+.1f} MiB\n", grown_mib);
  EXPECT_LT(grown_mib, 150);  // AddressSanitizer keeps freed memory for a while
}

}  // namespace
}  // namespace napari::engine::gl_test
