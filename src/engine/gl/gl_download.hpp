// Brings what the GPU writes to where the CPU reads it: straight into mapped memory, which is handed on without a copy; into plain
// memory where GL cannot map for good, or while all mapped buffers are held. Threads: [gl], construction and destruction included;
// the memory it gives is read and freed on any thread, also after this is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "engine/gl/buffer_pool.hpp"
#include "engine/gl/gl_context.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class GlDownload {
 public:
  // `mapped`: of BufferKind::mapped; null where GL has no persistent mapping. Borrowed, and not touched on destruction: whoever
  // lets go of a pool last must not be the gl thread.
  GlDownload(GlContext& context, BufferPool* mapped) : context_(context), mapped_(mapped) {}

  // `write` has the GPU fill the first `bytes` bytes of a buffer, which this waits for. `doing` is for errors.
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> fetch(
      std::size_t bytes, const char* doing,
      const std::function<gstx::Result<void>(GLuint buffer)>& write);

 private:
  [[nodiscard]] gstx::Result<void> fill(
      GLuint buffer, const char* doing,
      const std::function<gstx::Result<void>(GLuint buffer)>& write);
  [[nodiscard]] gstx::Result<GLuint> spare(std::size_t bytes);

  GlContext& context_;
  BufferPool* const mapped_;
  GlBuffer spare_;  // what is copied out of
  std::size_t spare_bytes_{0};
};

}  // namespace napari::engine
