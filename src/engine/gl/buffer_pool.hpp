// GL buffers of one kind, reused, and bounded in number and bytes: what frames are drawn into (in the GPU's memory), and what the
// CPU reads (mapped for good). Leases are given back on any thread, also after everybody else is gone: that flips a flag, and what
// is to be deleted is posted to the gl thread. Threads: as tagged; the last who holds the pool lets go of it on any thread but gl.
// Ownership: the pool owns the buffers and keeps the context, leases keep the pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/cuda/cuda_gl_buffer.hpp"
#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_objects.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

enum class BufferKind : std::uint8_t {
  device,  // nothing but the GPU touches it
  mapped,  // persistently mapped for reading, coherent; needs GlLimits::persistent_mapping
};

struct PooledBuffer {
  struct CudaCopy {
    void* context{nullptr};  // GstCudaContext
    std::unique_ptr<CudaGlBuffer> buffer;
  };

  GlBuffer buffer;
  std::size_t bytes{0};
  const std::uint8_t* mapped{nullptr};  // unmapped by deleting the buffer
  std::vector<CudaCopy> cuda;           // [gl] goes before the buffer
  bool leased{false};                   // under the pool's lock, as the next
  std::uint64_t last_taken{0};
};

class BufferPool;

// Exclusive use of one buffer until destroyed. Threads: any.
class BufferLease {
 public:
  BufferLease() = default;
  BufferLease(std::shared_ptr<BufferPool> pool, PooledBuffer* buffer)
      : pool_(std::move(pool)), buffer_(buffer) {}
  BufferLease(BufferLease&& other) noexcept;
  BufferLease& operator=(BufferLease&& other) noexcept;
  ~BufferLease();

  [[nodiscard]] explicit operator bool() const { return buffer_ != nullptr; }
  [[nodiscard]] PooledBuffer* operator->() const { return buffer_; }

 private:
  std::shared_ptr<BufferPool> pool_;
  PooledBuffer* buffer_{nullptr};
};

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  struct Bounds {
    std::size_t count{0};
    std::size_t bytes{0};
  };
  BufferPool(std::shared_ptr<GlContext> context, BufferKind kind, Bounds bounds);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();  // [any but gl]

  // [any] One that is free and large enough, but not far too large; else an empty lease.
  [[nodiscard]] BufferLease try_take(std::size_t bytes);
  // [gl] The same, or a new one in the place of those that do not fit. `unavailable` names the bound that was met.
  [[nodiscard]] gstx::Result<BufferLease> take(std::size_t bytes);

  [[nodiscard]] std::size_t count() const;   // [any] buffers there are
  [[nodiscard]] std::size_t leased() const;  // [any]

 private:
  friend class BufferLease;
  using Buffers = std::vector<std::unique_ptr<PooledBuffer>>;

  void give_back(PooledBuffer* buffer);                                               // [any]
  [[nodiscard]] gstx::Result<void> make_room(std::size_t bytes);                      // [gl]
  [[nodiscard]] gstx::Result<std::unique_ptr<PooledBuffer>> make(std::size_t bytes);  // [gl]
  void discard(Buffers dead);  // [any] not under the lock

  const std::shared_ptr<GlContext> context_;
  const BufferKind kind_;
  const Bounds bounds_;
  mutable std::mutex mutex_;
  Buffers buffers_;  // under mutex_, as the next
  std::uint64_t takes_{0};
};

}  // namespace napari::engine
