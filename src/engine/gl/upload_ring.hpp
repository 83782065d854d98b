// Memory through which voxels travel to textures without anybody waiting: a ring of slots in one pixel-unpack buffer, mapped for
// good where GL can. The CPU fills a slot while the GPU takes others; a fence guards each, so only a CPU that is a whole ring
// ahead waits. Knows no texture. Threads: one with a context current, but for the constructor; filling is spread over a few.
// Ownership: the buffer, its fences, its pool.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "data/types.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "engine/thread_pool.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class UploadRing {
 public:
  // `threads` fill a slot, the caller among them.
  UploadRing(const GlLimits& limits, bool software, int threads);
  UploadRing(const UploadRing&) = delete;
  UploadRing& operator=(const UploadRing&) = delete;
  ~UploadRing();

  [[nodiscard]] std::size_t slot_bytes() const { return slot_bytes_; }

  // Makes the buffer and the threads, which takes long enough to be seen in a picture; else the first upload does.
  [[nodiscard]] gstx::Result<void> prepare();

  // Lets go of the buffer and of the threads. Before the destructor, and in its place where no context is current there.
  void release();

  // Fills the next slot with `voxels` of `dtype`, native or f64 as f32, at most a slot of them, and calls `upload`
  // with the offset to give GL in place of a pointer, while the buffer is bound to GL_PIXEL_UNPACK_BUFFER.
  [[nodiscard]] gstx::Result<void> pass(data::DType dtype, std::span<const std::byte> voxels,
                                        const std::function<void(const void* offset)>& upload);

 private:
  static constexpr std::size_t kSlotsMax = 8;

  [[nodiscard]] gstx::Result<void> make_buffer();
  void fill(std::byte* slot, data::DType dtype, std::span<const std::byte> voxels);

  const bool persistent_;
  const std::size_t slot_bytes_;
  const std::size_t slots_;
  const int threads_;
  GlBuffer buffer_;
  std::byte* mapped_{nullptr};  // unmapped by deleting the buffer
  std::array<std::optional<GlFence>, kSlotsMax> fences_;
  std::size_t next_{0};
  std::unique_ptr<ThreadPool> pool_;  // from the first upload on
};

// How many threads may copy: a GPU takes voxels faster than one core copies them.
[[nodiscard]] int copy_threads(int usable_cores);

}  // namespace napari::engine
