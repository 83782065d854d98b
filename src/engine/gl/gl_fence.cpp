#include "engine/gl/gl_fence.hpp"

#include <fmt/format.h>

#include "engine/gl/gl_objects.hpp"

namespace napari::engine {
namespace {

constexpr const char* kMark = "the GPU ";  // what is lost says so
constexpr GLuint64 kHangNs = 20'000'000'000;

const char* reset_text() {
  if (epoxy_gl_version() < 45 && !epoxy_has_gl_extension("GL_KHR_robustness")) return "";
  switch (glGetGraphicsResetStatus()) {
    case GL_GUILTY_CONTEXT_RESET:
      return ": it was reset because of what we drew";
    case GL_INNOCENT_CONTEXT_RESET:
      return ": it was reset because of somebody else";
    case GL_UNKNOWN_CONTEXT_RESET:
      return ": it was reset";
    default:
      return "";
  }
}

}  // namespace

gstx::Result<void> finish_gpu(const char* doing) {
  const GlFence fence;
  switch (fence.wait(kHangNs)) {
    case GL_ALREADY_SIGNALED:
    case GL_CONDITION_SATISFIED:
      return {};
    case GL_TIMEOUT_EXPIRED:
      return gstx::fail(gstx::ErrorCode::internal,
                        fmt::format("{}did not finish within 20 s while {}", kMark, doing));
    default:
      return gstx::fail(gstx::ErrorCode::internal,
                        fmt::format("{}lost its context while {}{}", kMark, doing, reset_text()));
  }
}

bool is_gpu_lost(const gstx::Error& error) {
  return error.code == gstx::ErrorCode::internal && error.message.rfind(kMark, 0) == 0;
}

}  // namespace napari::engine
