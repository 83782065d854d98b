#include "engine/gl/gl_context.hpp"

#include <algorithm>
#include <string_view>

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <fmt/format.h>

#include "engine/gl/egl_devices.hpp"
#include "engine/gl/gl_drawer.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr std::size_t kMessageMax = 500;
constexpr const char* kNvMemory = "GL_NVX_gpu_memory_info";
constexpr int kErrorsMax = 64;  // a lost context may have no end of them

std::string gl_string(GLenum name) {
  const GLubyte* text = glGetString(name);
  return text != nullptr ? reinterpret_cast<const char*>(text) : "unknown";
}

GLint gl_integer(GLenum name) {
  GLint value = 0;
  glGetIntegerv(name, &value);
  return value;
}

std::size_t bytes_of(GLint kib) { return static_cast<std::size_t>(std::max(kib, 0)) * 1024; }

bool is_software(std::string_view renderer) {
  constexpr std::string_view kSoftware[] = {"llvmpipe", "softpipe", "swrast",
                                            "SWR",      "Software", "SwiftShader"};
  return std::any_of(std::begin(kSoftware), std::end(kSoftware), [&](std::string_view name) {
    return renderer.find(name) != std::string_view::npos;
  });
}

// A config is wanted only where contexts cannot do without; no surface is ever made with it.
gstx::Result<EGLConfig> choose_config(EGLDisplay display) {
  if (epoxy_has_egl_extension(display, "EGL_KHR_no_config_context")) return EGL_NO_CONFIG_KHR;
  const EGLint wanted[] = {EGL_SURFACE_TYPE, 0, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_NONE};
  EGLConfig config = nullptr;
  EGLint count = 0;
  if (eglChooseConfig(display, wanted, &config, 1, &count) == EGL_FALSE || count < 1) {
    return gstx::fail(ErrorCode::unsupported, "EGL has no config that desktop GL can draw with");
  }
  return config;
}

gstx::Result<EGLContext> make_context(EGLDisplay display, EGLContext shared) {
  if (!epoxy_has_egl_extension(display, "EGL_KHR_surfaceless_context")) {
    return gstx::fail(ErrorCode::unsupported, "EGL has no EGL_KHR_surfaceless_context");
  }
  if (eglBindAPI(EGL_OPENGL_API) == EGL_FALSE) {
    return gstx::fail(ErrorCode::unsupported, "EGL has no desktop GL: " + egl_error_text());
  }
  GSTX_ASSIGN_OR_RETURN(EGLConfig config, choose_config(display));
  // Some drivers give exactly what is asked for, so the best is asked for first.
  constexpr EGLint kMinors[] = {6, 5, 4, 3};
  // A context that is told when the GPU was reset, where the driver can: else a reset may end the process.
  for (const EGLint on_reset : {EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY, EGL_NONE}) {
    for (const EGLint minor : kMinors) {
      const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION,
                                   4,
                                   EGL_CONTEXT_MINOR_VERSION,
                                   minor,
                                   EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                   EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
                                   on_reset,
                                   EGL_LOSE_CONTEXT_ON_RESET,
                                   EGL_NONE};
      EGLContext context = eglCreateContext(display, config, shared, attributes);
      if (context != EGL_NO_CONTEXT) return context;
    }
  }
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("no GL 4.3 core context{} (compute shaders need it): {}",
                                shared != EGL_NO_CONTEXT ? " that shares another's textures" : "",
                                egl_error_text()));
}

}  // namespace

gstx::Result<std::shared_ptr<GlContext>> GlContext::open(int device) {
  GSTX_ASSIGN_OR_RETURN(const EglDevice chosen, find_egl_device(device));
  return open_on(chosen);
}

gstx::Result<std::shared_ptr<GlContext>> GlContext::open_on(const EglDevice& device) {
  GSTX_ASSIGN_OR_RETURN(void* display, open_egl_display(device));
  std::shared_ptr<GlContext> context(new GlContext("gl"));  // the constructor is private
  context->info_.egl_index = device.index;
  context->info_.cuda_ordinal = device.cuda_ordinal;
  gstx::Result<void> started;
  context->run([&] { started = context->start(display, EGL_NO_CONTEXT); });
  GSTX_TRY(started);
  return context;
}

gstx::Result<std::shared_ptr<GlContext>> GlContext::open_shared(const GlContext& with,
                                                                const std::string& thread_name) {
  std::shared_ptr<GlContext> context(new GlContext(thread_name));
  context->info_.egl_index = with.info_.egl_index;
  context->info_.cuda_ordinal = with.info_.cuda_ordinal;
  gstx::Result<void> started;
  context->run([&] { started = context->start(with.display_, with.context_); });
  GSTX_TRY(started);
  return context;
}

gstx::Result<void> GlContext::start(void* display, void* shared) {
  display_ = display;
  GSTX_ASSIGN_OR_RETURN(context_, make_context(display, shared));
  if (eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_) == EGL_FALSE) {
    return gstx::fail(ErrorCode::unsupported,
                      "the GL context cannot be made current: " + egl_error_text());
  }
  read_properties();
  glEnable(GL_DEBUG_OUTPUT);
  glEnable(GL_DEBUG_OUTPUT_SYNCHRONOUS);
  glDebugMessageCallback(
      [](GLenum, GLenum type, GLuint, GLenum severity, GLsizei length, const GLchar* text,
         const void* self) noexcept {
        const bool serious = type == GL_DEBUG_TYPE_ERROR || severity == GL_DEBUG_SEVERITY_HIGH;
        if (!serious || length <= 0) return;
        // The callback runs on the gl thread: the output is synchronous.
        auto& message = static_cast<GlContext*>(const_cast<void*>(self))->last_message_;  // NOLINT
        message.assign(text, std::min(static_cast<std::size_t>(length), kMessageMax));
        g_debug("gl: %s", message.c_str());
      },
      this);
  return check("starting");
}

void GlContext::read_properties() {
  const char* egl = eglQueryString(display_, EGL_VERSION);
  info_.egl_version = egl != nullptr ? egl : "unknown";
  info_.vendor = gl_string(GL_VENDOR);
  info_.renderer = gl_string(GL_RENDERER);
  info_.version = gl_string(GL_VERSION);
  info_.software = is_software(info_.renderer);
  limits_.texture_edge_px = gl_integer(GL_MAX_TEXTURE_SIZE);
  limits_.volume_edge_voxels = gl_integer(GL_MAX_3D_TEXTURE_SIZE);
  GLint64 storage = 0;
  glGetInteger64v(GL_MAX_SHADER_STORAGE_BLOCK_SIZE, &storage);
  limits_.storage_bytes = static_cast<std::size_t>(std::max<GLint64>(storage, 0));
  limits_.memory_bytes = epoxy_has_gl_extension(kNvMemory)
                             ? bytes_of(gl_integer(GL_GPU_MEMORY_INFO_TOTAL_AVAILABLE_MEMORY_NVX))
                             : free_memory_bytes().value_or(0);
  limits_.persistent_mapping =
      epoxy_gl_version() >= 44 || epoxy_has_gl_extension("GL_ARB_buffer_storage");
}

std::optional<std::size_t> GlContext::free_memory_bytes() const {
  if (epoxy_has_gl_extension(kNvMemory)) {
    return bytes_of(gl_integer(GL_GPU_MEMORY_INFO_CURRENT_AVAILABLE_VIDMEM_NVX));
  }
  if (epoxy_has_gl_extension("GL_ATI_meminfo")) {
    GLint kib[4] = {};  // the pool, its largest block, the same of auxiliary memory
    glGetIntegerv(GL_TEXTURE_FREE_MEMORY_ATI, kib);
    return bytes_of(kib[0]);
  }
  return std::nullopt;
}

GlContext::~GlContext() {
  run([this] {
    if (context_ == nullptr) return;
    glDebugMessageCallback(nullptr, nullptr);
    eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    eglDestroyContext(display_, context_);
    eglReleaseThread();
  });
}

std::string GlContext::describe() const {
  std::string text =
      fmt::format("{}, {}, EGL {}, GL {}, {}", info_.renderer, info_.vendor, info_.egl_version,
                  info_.version, info_.software ? "software" : "hardware");
  if (info_.cuda_ordinal) text += fmt::format(", CUDA device {}", *info_.cuda_ordinal);
  return text;
}

gstx::Result<void> GlContext::check(const char* doing) {
  const GLenum first = glGetError();
  if (first == GL_NO_ERROR) return {};
  for (int i = 0; i < kErrorsMax && glGetError() != GL_NO_ERROR; ++i) {
  }
  const std::string message = std::exchange(last_message_, {});
  if (first == GL_CONTEXT_LOST)
    return gstx::fail(ErrorCode::internal, fmt::format("the GPU lost its context while {}", doing));
  return gstx::fail(first == GL_OUT_OF_MEMORY ? ErrorCode::unavailable : ErrorCode::internal,
                    fmt::format("GL error {:#x} while {}{}{}", first, doing,
                                message.empty() ? "" : ": ", message));
}

std::vector<GlDeviceNote> describe_gl_devices() {
  const auto devices = list_egl_devices();
  if (!devices) return {{.text = "EGL: unusable: " + devices.error().message}};
  std::vector<GlDeviceNote> notes;
  for (const EglDevice& device : *devices) {
    const std::string name =
        device.index < 0 ? "EGL surfaceless" : fmt::format("EGL device {}", device.index);
    const auto context = GlContext::open_on(device);
    notes.push_back({.cuda_ordinal = device.cuda_ordinal,
                     .uuid = device.uuid,
                     .text = context
                                 ? fmt::format("{}: {}", name, (*context)->describe())
                                 : fmt::format("{}: unusable: {}", name, context.error().message)});
  }
  return notes;
}

}  // namespace napari::engine
