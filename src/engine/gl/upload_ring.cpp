#include "engine/gl/upload_ring.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/gl/texel_format.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kTileBytes = 512 << 10;  // of a slot, filled by one thread at a time
constexpr GLuint64 kHangNs = 20'000'000'000;

void copy_tile(std::byte* to, data::DType dtype, std::span<const std::byte> from) {
  if (dtype != data::DType::f64) {
    std::memcpy(to, from.data(), from.size());
    return;
  }
  for (std::size_t i = 0; i < from.size() / sizeof(double); ++i) {
    double value = 0;
    std::memcpy(&value, from.data() + i * sizeof(double), sizeof(double));
    const auto narrow = static_cast<float>(value);
    std::memcpy(to + i * sizeof(float), &narrow, sizeof(float));
  }
}

}  // namespace

int copy_threads(int usable_cores) { return std::clamp(usable_cores / 4, 1, 4); }

UploadRing::UploadRing(const GlLimits& limits, bool software, int threads)
    : persistent_(limits.persistent_mapping),
      slot_bytes_((software ? 4 : 8) * kMiB),
      slots_(software ? 2 : kSlotsMax),
      threads_(threads) {}

UploadRing::~UploadRing() = default;

gstx::Result<void> UploadRing::prepare() {
  if (pool_ == nullptr) pool_ = std::make_unique<ThreadPool>(threads_);
  return buffer_ ? gstx::Result<void>() : make_buffer();
}

void UploadRing::release() {
  for (auto& fence : fences_) fence.reset();
  mapped_ = nullptr;
  buffer_ = GlBuffer();
  pool_.reset();
}

gstx::Result<void> UploadRing::make_buffer() {
  buffer_ = GlBuffer::make();
  glBindBuffer(GL_PIXEL_UNPACK_BUFFER, buffer_.get());
  const auto bytes = static_cast<GLsizeiptr>(slot_bytes_ * slots_);
  if (persistent_) {
    constexpr GLbitfield kFlags = GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
    glBufferStorage(GL_PIXEL_UNPACK_BUFFER, bytes, nullptr, kFlags | GL_CLIENT_STORAGE_BIT);
    mapped_ = static_cast<std::byte*>(glMapBufferRange(GL_PIXEL_UNPACK_BUFFER, 0, bytes, kFlags));
  } else {
    glBufferData(GL_PIXEL_UNPACK_BUFFER, bytes, nullptr, GL_STREAM_DRAW);
  }
  glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
  if (glGetError() == GL_NO_ERROR && (!persistent_ || mapped_ != nullptr)) return {};
  buffer_ = GlBuffer();
  return gstx::fail(ErrorCode::unavailable,
                    fmt::format("no GL buffer of {} bytes to upload voxels through", bytes));
}

gstx::Result<void> UploadRing::pass(data::DType dtype, std::span<const std::byte> voxels,
                                    const std::function<void(const void*)>& upload) {
  GSTX_TRY(prepare());
  std::optional<GlFence>& fence = fences_[next_];
  if (fence) {
    const GLenum state = fence->wait(kHangNs);
    if (state != GL_ALREADY_SIGNALED && state != GL_CONDITION_SATISFIED) {
      return gstx::fail(ErrorCode::internal,
                        "the GPU did not take an upload within 20 s or lost its context");
    }
    fence.reset();
  }
  const std::size_t offset = next_ * slot_bytes_;
  glBindBuffer(GL_PIXEL_UNPACK_BUFFER, buffer_.get());
  std::byte* slot = mapped_ != nullptr ? mapped_ + offset : nullptr;
  if (!persistent_) {
    // The fence has said that the GPU does not read it any more.
    slot = static_cast<std::byte*>(glMapBufferRange(
        GL_PIXEL_UNPACK_BUFFER, static_cast<GLintptr>(offset), static_cast<GLsizeiptr>(slot_bytes_),
        GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_RANGE_BIT | GL_MAP_UNSYNCHRONIZED_BIT));
  }
  if (slot == nullptr) {
    glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
    return gstx::fail(ErrorCode::unavailable, "the buffer to upload through cannot be mapped");
  }
  fill(slot, dtype, voxels);
  const bool written = persistent_ || glUnmapBuffer(GL_PIXEL_UNPACK_BUFFER) == GL_TRUE;
  if (written) upload(reinterpret_cast<const void*>(offset));  // NOLINT: GL's way to say offset
  // Else what copies from client memory would be taken for an offset.
  glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
  if (!written) {
    return gstx::fail(ErrorCode::unavailable, "GL lost the buffer that voxels were uploaded from");
  }
  fence.emplace();
  next_ = (next_ + 1) % slots_;
  return {};
}

void UploadRing::fill(std::byte* slot, data::DType dtype, std::span<const std::byte> voxels) {
  const std::size_t shrink = data::byte_size(dtype) / texel_bytes(dtype);
  const std::size_t tile = kTileBytes * shrink;
  const auto tiles = static_cast<int>((voxels.size() + tile - 1) / tile);
  pool_->run(tiles,
             [&](int which) {
               const std::size_t begin = static_cast<std::size_t>(which) * tile;
               copy_tile(slot + begin / shrink, dtype,
                         voxels.subspan(begin, std::min(tile, voxels.size() - begin)));
             },
             {});
}

}  // namespace napari::engine
