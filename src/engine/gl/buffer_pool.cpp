#include "engine/gl/buffer_pool.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace napari::engine {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kWasteMax = 16;  // a view that moves is drawn at a quarter of its width
constexpr std::uint64_t kIdleTakesMax = 256;  // then a buffer goes

}  // namespace

BufferLease::BufferLease(BufferLease&& other) noexcept
    : pool_(std::move(other.pool_)), buffer_(std::exchange(other.buffer_, nullptr)) {}

BufferLease& BufferLease::operator=(BufferLease&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

BufferLease::~BufferLease() {
  if (buffer_ != nullptr) pool_->give_back(buffer_);
}

BufferPool::BufferPool(std::shared_ptr<GlContext> context, BufferKind kind, Bounds bounds)
    : context_(std::move(context)), kind_(kind), bounds_(bounds) {}

BufferPool::~BufferPool() { discard(std::move(buffers_)); }

BufferLease BufferPool::try_take(std::size_t bytes) {
  bytes = (bytes + kPage - 1) / kPage * kPage;
  Buffers dead;
  PooledBuffer* best = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ++takes_;
    for (const auto& buffer : buffers_) {
      const bool fits =
          !buffer->leased && buffer->bytes >= bytes && buffer->bytes / kWasteMax <= bytes;
      if (fits && (best == nullptr || buffer->bytes < best->bytes)) best = buffer.get();
    }
    if (best != nullptr) {
      best->leased = true;
      best->last_taken = takes_;
    }
    for (auto& buffer : buffers_) {
      if (!buffer->leased && takes_ - buffer->last_taken > kIdleTakesMax)
        dead.push_back(std::move(buffer));
    }
    std::erase(buffers_, nullptr);
  }
  discard(std::move(dead));
  return best != nullptr ? BufferLease(shared_from_this(), best) : BufferLease();
}

gstx::Result<BufferLease> BufferPool::take(std::size_t bytes) {
  if (BufferLease lease = try_take(bytes)) return lease;
  bytes = (bytes + kPage - 1) / kPage * kPage;
  GSTX_TRY(make_room(bytes));
  GSTX_ASSIGN_OR_RETURN(std::unique_ptr<PooledBuffer> made, make(bytes));
  PooledBuffer* const bare = made.get();
  {
    const std::lock_guard lock(mutex_);
    made->leased = true;
    made->last_taken = takes_;
    buffers_.push_back(std::move(made));
  }
  return BufferLease(shared_from_this(), bare);
}

gstx::Result<void> BufferPool::make_room(std::size_t bytes) {
  Buffers dead;
  std::size_t held = 0;
  std::size_t held_bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    std::size_t total = 0;
    for (const auto& buffer : buffers_) {
      total += buffer->bytes;
      if (buffer->leased) ++held, held_bytes += buffer->bytes;
    }
    // The one longest unused goes first.
    std::ranges::sort(buffers_, {}, [](const auto& buffer) { return buffer->last_taken; });
    std::size_t count = buffers_.size();
    for (auto& buffer : buffers_) {
      if (count < bounds_.count && total + bytes <= bounds_.bytes) break;
      if (buffer->leased) continue;
      total -= buffer->bytes;
      --count;
      dead.push_back(std::move(buffer));
    }
    std::erase(buffers_, nullptr);
  }
  discard(std::move(dead));
  if (held >= bounds_.count) {
    return gstx::fail(gstx::ErrorCode::unavailable,
                      fmt::format("all {} buffers for pictures are in use", bounds_.count));
  }
  if (held_bytes + bytes > bounds_.bytes) {
    return gstx::fail(gstx::ErrorCode::unavailable,
                      fmt::format("{} pictures in use take {} bytes; {} more exceed the bound, {}",
                                  held, held_bytes, bytes, bounds_.bytes));
  }
  return {};
}

gstx::Result<std::unique_ptr<PooledBuffer>> BufferPool::make(std::size_t bytes) {
  auto made = std::make_unique<PooledBuffer>();
  made->buffer = GlBuffer::make();
  made->bytes = bytes;
  const auto size = static_cast<GLsizeiptr>(bytes);
  glBindBuffer(GL_COPY_WRITE_BUFFER, made->buffer.get());
  if (kind_ == BufferKind::mapped) {
    constexpr GLbitfield kFlags = GL_MAP_READ_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
    glBufferStorage(GL_COPY_WRITE_BUFFER, size, nullptr, kFlags | GL_CLIENT_STORAGE_BIT);
    made->mapped =
        static_cast<const std::uint8_t*>(glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, size, kFlags));
  } else if (context_->limits().persistent_mapping) {
    glBufferStorage(GL_COPY_WRITE_BUFFER, size, nullptr, 0);
  } else {
    glBufferData(GL_COPY_WRITE_BUFFER, size, nullptr, GL_DYNAMIC_COPY);
  }
  const char* const what =
      kind_ == BufferKind::mapped ? "making a buffer for the CPU" : "making a buffer for a picture";
  GSTX_TRY(context_->check(what));
  if (kind_ == BufferKind::mapped && made->mapped == nullptr) {
    return gstx::fail(gstx::ErrorCode::unavailable,
                      fmt::format("the GPU maps no buffer of {} bytes", bytes));
  }
  return made;
}

void BufferPool::give_back(PooledBuffer* buffer) {
  const std::lock_guard lock(mutex_);
  buffer->leased = false;
}

void BufferPool::discard(Buffers dead) {
  for (std::unique_ptr<PooledBuffer>& one : dead) {
    const std::shared_ptr<PooledBuffer> shared(std::move(one));
    context_->post([shared] {
      shared->cuda.clear();
      shared->buffer = GlBuffer();
    });
  }
}

std::size_t BufferPool::count() const {
  const std::lock_guard lock(mutex_);
  return buffers_.size();
}

std::size_t BufferPool::leased() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(buffers_, [](const auto& buffer) { return buffer->leased; }));
}

}  // namespace napari::engine
