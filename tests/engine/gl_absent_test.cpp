// A build without EGL says so, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/gl/gl_drawer.hpp"

namespace napari::engine {
namespace {

TEST(GlAbsent, IsUnsupportedAndNamesTheOption) {
  const auto drawer = make_gl_drawer(0);
  ASSERT_FALSE(drawer);
  EXPECT_EQ(drawer.error().code, gstx::ErrorCode::unsupported);
  EXPECT_THAT(drawer.error().message, testing::HasSubstr("meson option egl"));
  EXPECT_FALSE(probe_gl_hardware(0));
  EXPECT_EQ(describe_gl_devices().size(), 1U);
}

}  // namespace
}  // namespace napari::engine
