// The buffers of one picture while it is drawn: the 8-bit codes, which are somebody else's, and the blended colours of a picture of
// several layers, grown on demand and kept between pictures. Threads: [gl].
#pragma once

#include <cstddef>

#include "data/types.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// Where a picture is drawn: a buffer of RGBA codes, rows top first, tight. It may be larger.
struct CodesTarget {
  GLuint buffer{0};
  data::CanvasSize size;
};

class FrameStore {
 public:
  explicit FrameStore(const GlLimits& limits) : limits_(limits) {}

  // Binds storage bindings 0 (codes) and 1 (blended colours; a small one where `blended` is false).
  [[nodiscard]] gstx::Result<void> bind(const CodesTarget& target, bool blended);
  void clear_codes() const;    // to opaque black
  void clear_blended() const;  // to black

 private:
  GlLimits limits_;
  CodesTarget codes_;
  GlBuffer blended_;
  std::size_t blended_bytes_{0};
};

// Storage for tables that change with every picture: uploads `bytes` and binds them.
class StreamBuffer {
 public:
  void set(GLuint binding, const void* data, std::size_t bytes);
  void bind(GLuint binding) const;  // what `set` gave it last

 private:
  GlBuffer buffer_;
};

}  // namespace napari::engine
