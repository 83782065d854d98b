#include "engine/picture_pool.hpp"

#include <new>
#include <utility>

namespace napari::engine {

namespace {
constexpr std::align_val_t kAlignment{64};
}

void PicturePool::Free::operator()(std::uint8_t* memory) const {
  ::operator delete(memory, kAlignment);
}

std::shared_ptr<std::uint8_t> PicturePool::take(std::size_t bytes) {
  Memory memory;
  {
    const std::lock_guard lock(mutex_);
    if (bytes != bytes_) {
      idle_.clear();
      bytes_ = bytes;
    }
    if (!idle_.empty()) {
      memory = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (memory == nullptr)
    memory.reset(static_cast<std::uint8_t*>(::operator new(bytes, kAlignment)));
  std::uint8_t* const bare = memory.get();
  const auto home = weak_from_this();
  std::shared_ptr<std::uint8_t> picture(bare, [home, bytes](std::uint8_t* returned) {
    Memory owned(returned);
    if (const auto pool = home.lock()) pool->give_back(std::move(owned), bytes);
  });
  (void)memory.release();  // the shared_ptr owns it now
  return picture;
}

void PicturePool::give_back(Memory memory, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes == bytes_ && idle_.size() < kIdleMax) idle_.push_back(std::move(memory));
}

std::size_t PicturePool::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

}  // namespace napari::engine
