// Memory of drawn pictures, reused. Bounded by what is out: pictures come back when the last who holds them lets go, on any
// thread, also after the pool is gone (then the memory is freed). Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace napari::engine {

class PicturePool : public std::enable_shared_from_this<PicturePool> {
 public:
  static constexpr std::size_t kIdleMax = 4;

  // `bytes` bytes, 64-byte aligned, contents unspecified.
  [[nodiscard]] std::shared_ptr<std::uint8_t> take(std::size_t bytes);
  [[nodiscard]] std::size_t idle() const;

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const;
  };
  using Memory = std::unique_ptr<std::uint8_t, Free>;
  void give_back(Memory memory, std::size_t bytes);

  mutable std::mutex mutex_;
  std::size_t bytes_{0};  // of every idle piece; another size empties the pool
  std::vector<Memory> idle_;
};

}  // namespace napari::engine
