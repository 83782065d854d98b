#include "engine/gl/frame_store.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace napari::engine {
namespace {

constexpr std::size_t kCodeBytes = 4;
constexpr std::size_t kBlendedBytes = 16;  // one vec4
constexpr GLuint kOpaqueBlack = 0xff000000U;

std::size_t pixels_of(data::CanvasSize size) {
  return static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px);
}

}  // namespace

gstx::Result<void> FrameStore::bind(const CodesTarget& target, bool blended) {
  const std::size_t pixels = pixels_of(target.size);
  if (pixels * (blended ? kBlendedBytes : kCodeBytes) > limits_.storage_bytes) {
    return gstx::fail(
        gstx::ErrorCode::unsupported,
        fmt::format("a picture of {} x {} exceeds this device's largest storage buffer, {} bytes",
                    target.size.width_px, target.size.height_px, limits_.storage_bytes));
  }
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
  codes_ = target;
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, codes_.buffer);
  glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 1, blended_.get());
  return {};
}

void FrameStore::clear_codes() const {
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, codes_.buffer);
  glClearBufferSubData(GL_SHADER_STORAGE_BUFFER, GL_R32UI, 0,
                       static_cast<GLsizeiptr>(pixels_of(codes_.size) * kCodeBytes), GL_RED_INTEGER,
                       GL_UNSIGNED_INT, &kOpaqueBlack);
}

void FrameStore::clear_blended() const {
  glBindBuffer(GL_SHADER_STORAGE_BUFFER, blended_.get());
  glClearBufferData(GL_SHADER_STORAGE_BUFFER, GL_RGBA32F, GL_RGBA, GL_FLOAT, nullptr);
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
