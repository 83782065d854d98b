// The buffers that one picture is drawn into: 8-bit codes, readable by the CPU (persistently mapped where GL can), and the
// blended colours of a picture with several layers. Grown on demand, kept between pictures.
// Threads: [gl].
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/types.hpp"
#include "engine/drawer.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class FrameStore {
 public:
  explicit FrameStore(const GlLimits& limits) : limits_(limits) {}

  // Binds storage bindings 0 (codes) and 1 (blended colours; a small one where `blended` is false).
  [[nodiscard]] gstx::Result<void> bind(data::CanvasSize size, bool blended);
  void clear_codes();    // to opaque black
  void clear_blended();  // to black
  // Copies the codes out. Everything drawn must have been waited for.
  void read(const CpuTarget& target) const;

 private:
  [[nodiscard]] gstx::Result<void> make_codes(std::size_t bytes);

  GlLimits limits_;
  GlBuffer codes_;
  std::size_t codes_bytes_{0};
  const std::byte* mapped_{nullptr};  // of codes_; unmapped by deleting it
  GlBuffer blended_;
  std::size_t blended_bytes_{0};
  mutable std::vector<std::byte> copied_;  // where codes_ cannot stay mapped
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
