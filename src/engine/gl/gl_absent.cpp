// Stands in for the GL back end in a build without EGL (-Degl=disabled).
#include "engine/gl/gl_drawer.hpp"

namespace napari::engine {
namespace {
constexpr const char* kReason = "this build has no EGL back end (meson option egl)";
}

gstx::Result<std::unique_ptr<Drawer>> make_gl_drawer(int /*device*/,
                                                     const GlDrawerOptions& /*options*/) {
  return gstx::fail(gstx::ErrorCode::unsupported, kReason);
}

gstx::Result<void> probe_gl_hardware(int /*device*/) {
  return gstx::fail(gstx::ErrorCode::unsupported, kReason);
}

std::vector<GlDeviceNote> describe_gl_devices() {
  return {{.text = std::string("EGL: unusable: ") + kReason}};
}

}  // namespace napari::engine
