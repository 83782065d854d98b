// Sole ownership of GL names. Threads: made and destroyed on the gl thread with the context current.
#pragma once

#include <utility>

#include <epoxy/gl.h>

namespace napari::engine {

template <typename Traits>
class GlName {
 public:
  GlName() = default;
  explicit GlName(GLuint name) : name_(name) {}
  GlName(GlName&& other) noexcept : name_(std::exchange(other.name_, 0)) {}
  GlName& operator=(GlName&& other) noexcept {
    std::swap(name_, other.name_);
    return *this;
  }
  ~GlName() {
    if (name_ != 0) Traits::destroy(name_);
  }

  [[nodiscard]] static GlName make() { return GlName(Traits::create()); }
  [[nodiscard]] GLuint get() const { return name_; }
  [[nodiscard]] explicit operator bool() const { return name_ != 0; }

 private:
  GLuint name_{0};
};

struct GlTextureTraits {
  static GLuint create() {
    GLuint name = 0;
    glGenTextures(1, &name);
    return name;
  }
  static void destroy(GLuint name) { glDeleteTextures(1, &name); }
};
struct GlBufferTraits {
  static GLuint create() {
    GLuint name = 0;
    glGenBuffers(1, &name);
    return name;
  }
  static void destroy(GLuint name) { glDeleteBuffers(1, &name); }
};
struct GlProgramTraits {
  static GLuint create() { return glCreateProgram(); }
  static void destroy(GLuint name) { glDeleteProgram(name); }
};
struct GlShaderTraits {
  static GLuint create() { return glCreateShader(GL_COMPUTE_SHADER); }
  static void destroy(GLuint name) { glDeleteShader(name); }
};

using GlTexture = GlName<GlTextureTraits>;
using GlBuffer = GlName<GlBufferTraits>;
using GlProgramName = GlName<GlProgramTraits>;
using GlShader = GlName<GlShaderTraits>;

// A GL fence that is deleted with its owner.
class GlFence {
 public:
  GlFence() : sync_(glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0)) {}
  ~GlFence() { glDeleteSync(sync_); }
  GlFence(const GlFence&) = delete;
  GlFence& operator=(const GlFence&) = delete;

  // What glClientWaitSync says: signalled, timed out or failed.
  [[nodiscard]] GLenum wait(GLuint64 timeout_ns) const {
    return glClientWaitSync(sync_, GL_SYNC_FLUSH_COMMANDS_BIT, timeout_ns);
  }
  // Has the GPU wait for it, and not the CPU, before it does what this context asks for next.
  void let_gpu_wait() const { glWaitSync(sync_, 0, GL_TIMEOUT_IGNORED); }

 private:
  GLsync sync_;
};

}  // namespace napari::engine
