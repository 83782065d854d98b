#include "engine/gl/gl_program.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr GLsizei kLogBytes = 4096;

std::string log_text(const std::array<char, kLogBytes>& log, GLsizei length) {
  std::string text(log.data(), static_cast<std::size_t>(std::clamp(length, 0, kLogBytes)));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text.empty() ? "the driver gives no reason" : text;
}

std::string describe_variant(std::string_view shader, const std::vector<std::string>& defines) {
  std::string text;
  for (const std::string& define : defines) text += (text.empty() ? "" : ", ") + define;
  return fmt::format("{} ({})", shader, text);
}

// GLSL wants #version on the first line, so the defines go below it.
std::string with_defines(std::string_view source, const std::vector<std::string>& defines) {
  const std::size_t line_end = std::min(source.find('\n'), source.size() - 1) + 1;
  std::string text(source.substr(0, line_end));
  for (const std::string& define : defines) text += "#define " + define + "\n";
  text += source.substr(line_end);
  return text;
}

}  // namespace

gstx::Result<GlProgram> GlProgram::compile(std::string_view shader,
                                           const std::vector<std::string>& defines) {
  const std::string_view source = embedded_shader(shader);
  if (source.empty()) {
    return gstx::fail(ErrorCode::not_found, fmt::format("no shader named {}", shader));
  }
  const std::string text = with_defines(source, defines);
  const GlShader compiled = GlShader::make();
  const char* pointer = text.c_str();
  glShaderSource(compiled.get(), 1, &pointer, nullptr);
  glCompileShader(compiled.get());
  GLint ok = GL_FALSE;
  GLsizei length = 0;
  std::array<char, kLogBytes> log{};
  glGetShaderiv(compiled.get(), GL_COMPILE_STATUS, &ok);
  if (ok != GL_TRUE) {
    glGetShaderInfoLog(compiled.get(), kLogBytes, &length, log.data());
    return gstx::fail(ErrorCode::internal,
                      fmt::format("shader {} does not compile: {}",
                                  describe_variant(shader, defines), log_text(log, length)));
  }
  GlProgram program;
  program.name_ = GlProgramName::make();
  glAttachShader(program.name_.get(), compiled.get());
  glLinkProgram(program.name_.get());
  glDetachShader(program.name_.get(), compiled.get());
  glGetProgramiv(program.name_.get(), GL_LINK_STATUS, &ok);
  if (ok != GL_TRUE) {
    glGetProgramInfoLog(program.name_.get(), kLogBytes, &length, log.data());
    return gstx::fail(ErrorCode::internal,
                      fmt::format("shader {} does not link: {}", describe_variant(shader, defines),
                                  log_text(log, length)));
  }
  return program;
}

}  // namespace napari::engine
