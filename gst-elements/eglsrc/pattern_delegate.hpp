// Test patterns as a render delegate: what naparieglsrc draws with neither a delegate nor a data set. A moving one draws
// the next picture whenever asked; a still one draws picture 0, once a size.
// Threads: `picture` is [stream], one caller; the rest is [any]. Pictures own their memory and give it back to the
// delegate's pool, on any thread, also after the delegate is gone.
#pragma once

#include <atomic>
#include <memory>

#include "engine/elements.hpp"

namespace napari::elements {

class PixelPool;

class PatternDelegate final : public engine::RenderDelegate {
 public:
  struct Params {
    engine::TestPattern pattern{engine::TestPattern::gradient};
    bool moving{true};
  };
  explicit PatternDelegate(Params params);
  ~PatternDelegate() override;

  void resize(data::CanvasSize size);  // [stream]

  [[nodiscard]] std::uint64_t damage() const override { return damage_; }
  [[nodiscard]] gstx::Result<engine::PicturePtr> picture() override;
  // Damage grows by `resize` alone, which is called by the thread that would be woken.
  std::uint64_t listen(std::function<void()>) override { return 0; }
  void unlisten(std::uint64_t) override {}

 private:
  const Params params_;
  std::atomic<std::uint64_t> damage_{1};
  data::CanvasSize size_;
  std::uint64_t frames_{0};
  std::shared_ptr<PixelPool> pool_;
};

}  // namespace napari::elements
