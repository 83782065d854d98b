// A render delegate whose damage is the test's to make: every `show` is a picture of one grey level, drawn when asked for; or
// whatever GPU picture `make_frame` gives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/elements.hpp"

namespace napari::elements {

class FakeDelegate final : public engine::RenderDelegate {
 public:
  void show(data::CanvasSize size, bool still = false) {
    std::vector<std::function<void()>> wakes;
    {
      const std::lock_guard lock(mutex_);
      size_ = size;
      still_ = still;
      ++damage_;
      for (const auto& [id, wake] : listeners_) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake();
  }
  void fail_draws(int count) {
    const std::lock_guard lock(mutex_);
    failures_ = count;
  }
  // From now on pictures come as GPU frames; null: as pixels again.
  void draw_on_gpu(std::function<engine::GpuFramePtr(data::CanvasSize)> make_frame) {
    const std::lock_guard lock(mutex_);
    make_frame_ = std::move(make_frame);
  }
  [[nodiscard]] bool draws_on_gpu() const override {
    const std::lock_guard lock(mutex_);
    return make_frame_ != nullptr;
  }
  [[nodiscard]] int draws() const {
    const std::lock_guard lock(mutex_);
    return draws_;
  }

  [[nodiscard]] std::uint64_t damage() const override {
    const std::lock_guard lock(mutex_);
    return damage_;
  }
  [[nodiscard]] gstx::Result<engine::PicturePtr> picture() override {
    const std::lock_guard lock(mutex_);
    if (damage_ == 0) return gstx::fail(gstx::ErrorCode::unavailable, "no plan");
    if (failures_ > 0) {
      --failures_;
      return gstx::fail(gstx::ErrorCode::unavailable, "interrupted");
    }
    if (picture_ != nullptr && picture_->info.frame_id == damage_) return picture_;
    ++draws_;
    auto drawn = std::make_shared<engine::Picture>();
    drawn->size = size_;
    drawn->stride_bytes = static_cast<std::size_t>(size_.width_px) * 4;
    const std::size_t bytes = drawn->stride_bytes * static_cast<std::size_t>(size_.height_px);
    if (make_frame_ != nullptr)
      drawn->frame = make_frame_(size_);
    else
      drawn->rgba = {std::make_unique<std::uint8_t[]>(bytes).release(),
                     std::default_delete<std::uint8_t[]>()};
    drawn->still = still_;
    drawn->info.frame_id = damage_;
    drawn->info.scene_version = damage_ + 100;
    drawn->info.render_start_ns = 1'000'000;
    drawn->info.render_end_ns = 4'000'000;
    picture_ = drawn;
    return picture_;
  }
  std::uint64_t listen(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    listeners_[++next_] = std::move(wake);
    return next_;
  }
  void unlisten(std::uint64_t id) override {
    const std::lock_guard lock(mutex_);
    listeners_.erase(id);
  }

 private:
  mutable std::mutex mutex_;
  data::CanvasSize size_;
  bool still_{false};
  std::uint64_t damage_{0};
  int failures_{0};
  int draws_{0};
  engine::PicturePtr picture_;
  std::function<engine::GpuFramePtr(data::CanvasSize)> make_frame_;
  std::uint64_t next_{0};
  std::map<std::uint64_t, std::function<void()>> listeners_;
};

}  // namespace napari::elements
