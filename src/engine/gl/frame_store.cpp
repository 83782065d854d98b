#include "engine/gl/frame_store.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace napari::engine {
namespace {

constexpr std::size_t kCodeBytes = 4;
constexpr std::size_t kBlendedBytes = 16;  // one vec4
constexpr GLuint kOpaqueBlack = 0xff000000U;

}  // namespace

gstx::Result<void> FrameStore::bind(data::CanvasSize size, bool blended) {
  const std::size_t pixels =
      static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px);
  if (pixels * (blended ? kBlendedBytes : kCodeBytes) > limits_.storage_bytes) {
    return gstx::fail(
        gstx::ErrorCode::unsupported,
        fmt::format("a picture of {} x {} exceeds this device's largest storage buffer, {} bytes",
                    size.width_px, size.height_px, limits_.storage_bytes));
  }
  if (codes_bytes_ < pixels * kCodeBytes) GSTX_TRY(make_codes(pixels * kCodeBytes));
  const std::size_t wanted = blended ? pixels * kBlendedBytes : kBlendedBytes;
  if (blended_bytes_ < wanted) {
    blended_bytes_ = 0;
    blended_ = GlBuffer::make();
    glBindBuffer(GL_SHADER_STORAGE_BUFFER, blended_.get());
    glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(wanted), nullptr,
                 GL_DYNAMIC_COPY);
    if (glGetError() != GL_NO_ERROR) {
      return gstx::fail(gstx::ErrorCode::unavailable,
                        fmt::format("no GL buffer of {} bytes", wanted));
    }
    blended_bytes_ = wanted;
  }
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, codes_.get());
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 1, blended_.get());
  return {};
}

gstx::Result<void> FrameStore::make_codes(std::size_t bytes) {
  codes_bytes_ = 0;
  mapped_ = nullptr;
  codes_ = GlBuffer::make();
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, codes_.get());
  const auto size = static_cast<GLsizeiptr>(bytes);
  if (limits_.persistent_mapping) {
    constexpr GLbitfield kFlags = GL_MAP_READ_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
    glBufferStorage(GL_SHADER_STORAGE_BUFFER, size, nullptr, kFlags | GL_CLIENT_STORAGE_BIT);
    mapped_ =
        static_cast<const std::byte*>(glMapBufferRange(GL_SHADER_STORAGE_BUFFER, 0, size, kFlags));
  } else {
    glBufferData(GL_SHADER_STORAGE_BUFFER, size, nullptr, GL_DYNAMIC_READ);
  }
  if (glGetError() != GL_NO_ERROR || (limits_.persistent_mapping && mapped_ == nullptr)) {
    codes_ = GlBuffer();
    return gstx::fail(gstx::ErrorCode::unavailable,
                      fmt::format("no readable GL buffer of {} bytes", bytes));
  }
  codes_bytes_ = bytes;
  return {};
}

void FrameStore::clear_codes() {
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, codes_.get());
  glClearBufferData(GL_SHADER_STORAGE_BUFFER, GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT,
                    &kOpaqueBlack);
}

void FrameStore::clear_blended() {
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, blended_.get());
  glClearBufferData(GL_SHADER_STORAGE_BUFFER, GL_RGBA32F, GL_RGBA, GL_FLOAT, nullptr);
}

void FrameStore::read(const CpuTarget& target) const {
  const std::size_t row_bytes = static_cast<std::size_t>(target.size.width_px) * kCodeBytes;
  const auto rows = static_cast<std::size_t>(target.size.height_px);
  const std::byte* source = mapped_;
  if (source == nullptr) {
    copied_.resize(row_bytes * rows);
    glBindBuffer(GL_SHADER_STORAGE_BUFFER, codes_.get());
    glGetBufferSubData(GL_SHADER_STORAGE_BUFFER, 0, static_cast<GLsizeiptr>(copied_.size()),
                       copied_.data());
    source = copied_.data();
  }
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(target.rgba.data() + row * target.stride_bytes, source + row * row_bytes,
                row_bytes);
  }
}

void StreamBuffer::set(GLuint binding, const void* data, std::size_t bytes) {
  if (!buffer_) buffer_ = GlBuffer::make();
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, buffer_.get());
  // Fresh storage each time: the GPU may still read the old one.
  glBufferData(GL_SHADER_STORAGE_BUFFER, static_cast<GLsizeiptr>(std::max<std::size_t>(bytes, 16)),
               nullptr, GL_STREAM_DRAW);
  glBufferSubData(GL_SHADER_STORAGE_BUFFER, 0, static_cast<GLsizeiptr>(bytes), data);
  bind(binding);
}

void StreamBuffer::bind(GLuint binding) const {
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, binding, buffer_.get());
}

}  // namespace napari::engine
