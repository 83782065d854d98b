#include "eglsrc/pattern_delegate.hpp"

#include <chrono>
#include <mutex>
#include <vector>

namespace napari::elements {
namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// Memory of pictures that came back, at most kSpares of one size: fresh pages cost more than the drawing.
class PixelPool : public std::enable_shared_from_this<PixelPool> {
 public:
  [[nodiscard]] std::shared_ptr<std::uint8_t> take(std::size_t bytes) {
    std::unique_ptr<std::uint8_t[]> pixels;
    {
      const std::lock_guard lock(mutex_);
      if (bytes != bytes_) spares_.clear();
      bytes_ = bytes;
      if (!spares_.empty()) {
        pixels = std::move(spares_.back());
        spares_.pop_back();
      }
    }
    if (pixels == nullptr) pixels = std::make_unique<std::uint8_t[]>(bytes);
    return {pixels.release(), [pool = shared_from_this(), bytes](std::uint8_t* returned) {
              pool->give_back(std::unique_ptr<std::uint8_t[]>(returned), bytes);
            }};
  }

 private:
  static constexpr std::size_t kSpares = 4;

  void give_back(std::unique_ptr<std::uint8_t[]> pixels, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes == bytes_ && spares_.size() < kSpares) spares_.push_back(std::move(pixels));
  }

  std::mutex mutex_;
  std::size_t bytes_{0};
  std::vector<std::unique_ptr<std::uint8_t[]>> spares_;
};

PatternDelegate::PatternDelegate(Params params)
    : params_(params), pool_(std::make_shared<PixelPool>()) {}

PatternDelegate::~PatternDelegate() = default;

void PatternDelegate::resize(data::CanvasSize size) {
  if (size_.width_px > 0 && size_ != size) ++damage_;
  size_ = size;
}

gstx::Result<engine::PicturePtr> PatternDelegate::picture() {
  const std::size_t stride = static_cast<std::size_t>(size_.width_px) * 4;
  const std::size_t bytes = stride * static_cast<std::size_t>(size_.height_px);
  const std::shared_ptr<std::uint8_t> pixels = pool_->take(bytes);
  auto picture = std::make_shared<engine::Picture>();
  picture->size = size_;
  picture->stride_bytes = stride;
  picture->info.render_start_ns = now_ns();
  const std::uint64_t index = params_.moving ? frames_ : 0;
  engine::draw_test_pattern(params_.pattern, index, {pixels.get(), bytes}, stride, size_);
  picture->info.render_end_ns = now_ns();
  picture->info.frame_id = ++frames_;
  picture->rgba = pixels;
  picture->still = !params_.moving;
  return picture;
}

}  // namespace napari::elements
