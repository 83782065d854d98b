// Compute programs from the shaders embedded in this library. Uniforms have explicit locations (see the shaders).
// Threads: [gl]. Ownership: a program is destroyed on the gl thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/gl/gl_objects.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// The text of gl/shaders/<name>, its includes expanded; empty for an unknown name. Generated at build time.
[[nodiscard]] std::string_view embedded_shader(std::string_view name);

class GlProgram {
 public:
  GlProgram() = default;

  // Compiles `shader` ("slice.comp") with each of `defines` ("SAMPLER usampler2D") set. An error holds the compiler's own
  // words.
  [[nodiscard]] static gstx::Result<GlProgram> compile(std::string_view shader,
                                                       const std::vector<std::string>& defines);
  void use() const { glUseProgram(name_.get()); }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(name_); }

 private:
  GlProgramName name_;
};

}  // namespace napari::engine
