#include "engine/gl/gl_download.hpp"

#include <new>

#include "engine/gl/gl_fence.hpp"

namespace napari::engine {
namespace {

constexpr std::align_val_t kAlignment{64};

std::shared_ptr<std::uint8_t> plain_memory(std::size_t bytes) {
  auto* const memory = static_cast<std::uint8_t*>(::operator new(bytes, kAlignment));
  return {memory, [](std::uint8_t* freed) { ::operator delete(freed, kAlignment); }};
}

}  // namespace

gstx::Result<std::shared_ptr<const std::uint8_t>> GlDownload::fetch(
    std::size_t bytes, const char* doing,
    const std::function<gstx::Result<void>(GLuint buffer)>& write) {
  if (mapped_ != nullptr) {
    if (gstx::Result<BufferLease> lease = mapped_->take(bytes)) {
      GSTX_TRY(fill((*lease)->buffer.get(), doing, write));
      auto shared = std::make_shared<BufferLease>(*std::move(lease));
      const std::uint8_t* const memory = (*shared)->mapped;
      return std::shared_ptr<const std::uint8_t>(std::move(shared), memory);
    }
  }
  GSTX_ASSIGN_OR_RETURN(const GLuint buffer, spare(bytes));
  GSTX_TRY(fill(buffer, doing, write));
  std::shared_ptr<std::uint8_t> memory = plain_memory(bytes);
  glBindBuffer(GL_COPY_READ_BUFFER, buffer);
  glGetBufferSubData(GL_COPY_READ_BUFFER, 0, static_cast<GLsizeiptr>(bytes), memory.get());
  GSTX_TRY(context_.check(doing));
  return memory;
}

gstx::Result<void> GlDownload::fill(GLuint buffer, const char* doing,
                                    const std::function<gstx::Result<void>(GLuint)>& write) {
  GSTX_TRY(write(buffer));
  glMemoryBarrier(GL_CLIENT_MAPPED_BUFFER_BARRIER_BIT | GL_BUFFER_UPDATE_BARRIER_BIT |
                  GL_SHADER_STORAGE_BARRIER_BIT);
  GSTX_TRY(finish_gpu(doing));
  return context_.check(doing);
}

gstx::Result<GLuint> GlDownload::spare(std::size_t bytes) {
  if (spare_bytes_ < bytes) {
    spare_bytes_ = 0;
    spare_ = GlBuffer::make();
    glBindBuffer(GL_COPY_READ_BUFFER, spare_.get());
    glBufferData(GL_COPY_READ_BUFFER, static_cast<GLsizeiptr>(bytes), nullptr, GL_DYNAMIC_READ);
    GSTX_TRY(context_.check("making a buffer to copy from"));
    spare_bytes_ = bytes;
  }
  return spare_.get();
}

}  // namespace napari::engine
