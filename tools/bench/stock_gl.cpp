#include "bench/stock_gl.hpp"

#include <array>
#include <string>

#include <epoxy/gl.h>
#include <fmt/format.h>

namespace napari::bench {
namespace {

using gstx::ErrorCode;

constexpr const char* kVertex = R"(#version 430 core
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}
)";

// Vectors are (x, y, z) in voxels. A pixel's ray starts at start + x * right + y * down and goes along `forward`, or from `eye`.
constexpr const char* kMarch = R"(#version 430 core
layout(binding = 0) uniform sampler3D volume;
layout(location = 0) uniform vec3 start;
layout(location = 1) uniform vec3 right;
layout(location = 2) uniform vec3 down;
layout(location = 3) uniform vec3 forward;
layout(location = 4) uniform vec3 eye;
layout(location = 5) uniform int perspective;
layout(location = 6) uniform vec2 limits;  // of the normalised texel
out vec4 colour;
void main() {
  vec3 size = vec3(textureSize(volume, 0));
  vec3 through = start + gl_FragCoord.x * right + gl_FragCoord.y * down;
  vec3 origin = perspective != 0 ? eye : through;
  vec3 ray = normalize(perspective != 0 ? through - eye : forward);
  vec3 a = (vec3(-0.5) - origin) / ray;
  vec3 b = (size - 0.5 - origin) / ray;
  vec3 near = min(a, b);
  vec3 far = max(a, b);
  float t = max(near.x, max(near.y, near.z));
  if (perspective != 0) t = max(t, 0.0);
  float end = min(far.x, min(far.y, far.z));
  float best = 0.0;
  for (; t < end; t += 0.8) best = max(best, textureLod(volume, (origin + t * ray + 0.5) / size, 0.0).x);
  colour = vec4(vec3(clamp((best - limits.x) / (limits.y - limits.x), 0.0, 1.0)), 1.0);
}
)";

constexpr const char* kSlice = R"(#version 430 core
layout(binding = 0) uniform sampler2D plane;
layout(location = 0) uniform vec3 start;
layout(location = 1) uniform vec3 right;
layout(location = 6) uniform vec2 limits;
out vec4 colour;
void main() {
  vec2 at = start.xy + gl_FragCoord.xy * right.x;
  float value = texture(plane, (at + 0.5) / vec2(textureSize(plane, 0))).x;
  colour = vec4(vec3(clamp((value - limits.x) / (limits.y - limits.x), 0.0, 1.0)), 1.0);
}
)";

gstx::Result<GLuint> link(const char* fragment) {
  const GLuint program = glCreateProgram();
  for (const auto& [stage, source] :
       {std::pair{GL_VERTEX_SHADER, kVertex}, std::pair{GL_FRAGMENT_SHADER, fragment}}) {
    const GLuint shader = glCreateShader(static_cast<GLenum>(stage));
    glShaderSource(shader, 1, &source, nullptr);
    glCompileShader(shader);
    glAttachShader(program, shader);
    glDeleteShader(shader);
  }
  glLinkProgram(program);
  GLint ok = GL_FALSE;
  glGetProgramiv(program, GL_LINK_STATUS, &ok);
  if (ok == GL_TRUE) return program;
  std::array<char, 2048> log{};
  glGetProgramInfoLog(program, static_cast<GLsizei>(log.size()), nullptr, log.data());
  glDeleteProgram(program);
  return gstx::fail(ErrorCode::internal, fmt::format("the yardstick's shader: {}", log.data()));
}

std::array<float, 3> xyz(const data::Vec3& zyx) {
  return {static_cast<float>(zyx[2]), static_cast<float>(zyx[1]), static_cast<float>(zyx[0])};
}

}  // namespace

StockGl::StockGl(std::shared_ptr<engine::GlContext> context) : context_(std::move(context)) {}

gstx::Result<std::unique_ptr<StockGl>> StockGl::make(int device) {
  GSTX_ASSIGN_OR_RETURN(auto context, engine::GlContext::open(device));
  std::unique_ptr<StockGl> stock(new StockGl(std::move(context)));  // the constructor is private
  gstx::Result<void> compiled;
  stock->context_->run([&] { compiled = stock->compile(); });
  GSTX_TRY(compiled);
  return stock;
}

gstx::Result<void> StockGl::compile() {
  GSTX_ASSIGN_OR_RETURN(march_, link(kMarch));
  GSTX_ASSIGN_OR_RETURN(slice_, link(kSlice));
  glGenVertexArrays(1, &vertices_);
  glGenFramebuffers(1, &frame_);
  return context_->check("making the yardstick");
}

StockGl::~StockGl() {
  context_->run([this] {
    glDeleteProgram(march_);
    glDeleteProgram(slice_);
    glDeleteVertexArrays(1, &vertices_);
    glDeleteFramebuffers(1, &frame_);
    glDeleteRenderbuffers(1, &colour_);
    glDeleteTextures(1, &texture_);
  });
}

gstx::Result<void> StockGl::upload(const data::VoxelBlock& block) {
  if (block.dtype != data::DType::u16) {
    return gstx::fail(ErrorCode::invalid_argument, "the yardstick draws uint16 only");
  }
  is_volume_ = block.shape[0] > 1;
  gstx::Result<void> done;
  context_->run([&] {
    const GLenum target = is_volume_ ? GL_TEXTURE_3D : GL_TEXTURE_2D;
    glDeleteTextures(1, &texture_);
    glGenTextures(1, &texture_);
    glBindTexture(target, texture_);
    const auto x = static_cast<GLsizei>(block.shape[2]);
    const auto y = static_cast<GLsizei>(block.shape[1]);
    const auto z = static_cast<GLsizei>(block.shape[0]);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
    if (is_volume_) {
      glTexStorage3D(target, 1, GL_R16, x, y, z);
      glTexSubImage3D(target, 0, 0, 0, 0, x, y, z, GL_RED, GL_UNSIGNED_SHORT, block.voxels.get());
    } else {
      glTexStorage2D(target, 1, GL_R16, x, y);
      glTexSubImage2D(target, 0, 0, 0, x, y, GL_RED, GL_UNSIGNED_SHORT, block.voxels.get());
    }
    for (const GLenum axis : {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R}) {
      glTexParameteri(target, axis, GL_CLAMP_TO_EDGE);
    }
    glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
    glFinish();
    done = context_->check("uploading for the yardstick");
  });
  return done;
}

gstx::Result<void> StockGl::resize(data::CanvasSize size) {
  glBindFramebuffer(GL_FRAMEBUFFER, frame_);
  if (size == size_) return {};
  glDeleteRenderbuffers(1, &colour_);
  glGenRenderbuffers(1, &colour_);
  glBindRenderbuffer(GL_RENDERBUFFER, colour_);
  glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, size.width_px, size.height_px);
  glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, colour_);
  if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
    return gstx::fail(ErrorCode::unsupported, "the yardstick has no framebuffer");
  }
  size_ = size;
  return {};
}

void StockGl::set_view(const data::RenderPlan& plan) {
  // gl_FragCoord is at pixel centres already.
  const double half_width = plan.canvas.width_px / 2.0;
  const double half_height = plan.canvas.height_px / 2.0;
  const data::Transfer& transfer = plan.layers[0].transfer;
  glUniform2f(6, static_cast<float>(transfer.contrast_low / 65535),
              static_cast<float>(transfer.contrast_high / 65535));
  if (!is_volume_) {
    const double step = plan.plane.world_per_px;
    glUniform3f(0, static_cast<float>(plan.plane.center[0] - half_width * step),
                static_cast<float>(plan.plane.center[1] - half_height * step), 0);
    glUniform3f(1, static_cast<float>(step), 0, 0);
    return;
  }
  const data::VolumeView& view = plan.volume;
  data::Vec3 start{}, right{}, down{}, eye{};
  for (std::size_t i = 0; i < 3; ++i) {
    right[i] = view.right[i] * view.world_per_px;
    down[i] = view.down[i] * view.world_per_px;
    start[i] = view.center[i] - half_width * right[i] - half_height * down[i];
    eye[i] = view.center[i] - view.distance * view.forward[i];
  }
  const data::Vec3* const vectors[] = {&start, &right, &down, &view.forward, &eye};
  for (GLint location = 0; location < 5; ++location) {
    glUniform3fv(location, 1, xyz(*vectors[location]).data());
  }
  glUniform1i(5, view.perspective ? 1 : 0);
}

gstx::Result<void> StockGl::draw(const data::RenderPlan& plan, std::vector<std::uint8_t>& rgba) {
  const data::CanvasSize size = plan.canvas;
  rgba.resize(static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px) *
              4);
  gstx::Result<void> done;
  context_->run([&] {
    done = resize(size);
    if (!done) return;
    glViewport(0, 0, size.width_px, size.height_px);
    glUseProgram(is_volume_ ? march_ : slice_);
    set_view(plan);
    glActiveTexture(GL_TEXTURE0);
    glBindTexture(is_volume_ ? GL_TEXTURE_3D : GL_TEXTURE_2D, texture_);
    glBindVertexArray(vertices_);
    glDrawArrays(GL_TRIANGLES, 0, 3);
    glReadPixels(0, 0, size.width_px, size.height_px, GL_RGBA, GL_UNSIGNED_BYTE, rgba.data());
    done = context_->check("drawing the yardstick");
  });
  return done;
}

}  // namespace napari::bench
