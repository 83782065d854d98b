// Converts drawn codes to video by a compute shader, with the arithmetic of ColorConverter: the codes are equal. Puts the work on
// the GPU and waits for nothing. Threads: [gl], construction and destruction included. Ownership: its programs and tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "engine/gl/gl_program.hpp"
#include "engine/gpu_frame.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// Where the planes go in one piece of memory: rows 64 bytes apart or a multiple. `memory` is not set. Pure.
[[nodiscard]] MappedVideo lay_video(VideoLayout layout, data::CanvasSize size);

class VideoShader {
 public:
  explicit VideoShader(GlContext& context) : context_(context) {}

  // Compiles what is most wanted.
  [[nodiscard]] gstx::Result<void> warm_up();

  // `codes`: RGBA, tight, `source` large. `planes`: a buffer of `video.bytes`. Sizes are checked (check_video_size).
  [[nodiscard]] gstx::Result<void> dispatch(GLuint codes, data::CanvasSize source, GLuint planes,
                                            const MappedVideo& video,
                                            const ConvertOptions& options);

 private:
  // Where target columns and rows lie in the source, on the GPU.
  struct Taps {
    data::CanvasSize source;
    data::CanvasSize target;
    GlBuffer buffer;
    std::uint64_t last_used{0};
  };

  [[nodiscard]] gstx::Result<GlProgram*> program(VideoLayout layout, bool enlarged);
  void bind_taps(data::CanvasSize source, data::CanvasSize target);

  GlContext& context_;
  std::array<GlProgram, 6> programs_;
  std::array<Taps, 4> taps_;  // tiers differ in size
  std::uint64_t uses_{0};
};

}  // namespace napari::engine
