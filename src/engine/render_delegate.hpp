// How a source asks for pictures. The engine's Renderer implements it; naparieglsrc's test patterns do without.
// One delegate serves all sources of a scene and draws each plan once, whoever asks first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "data/encoded_frame.hpp"
#include "data/types.hpp"
#include "engine/gpu_frame.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

// A drawn picture: RGBA8, rows top first, in CPU memory (`rgba`, rows `stride_bytes` apart) or in a GPU's (`frame`).
// Immutable, shared by all tiers.
struct Picture {
  data::CanvasSize size;
  std::size_t stride_bytes{0};
  std::shared_ptr<const std::uint8_t> rgba;  // null where `frame` is not
  GpuFramePtr frame;
  data::FrameInfo info;
  bool still{false};  // of a plan with `still`: the source may settle on it
};
using PicturePtr = std::shared_ptr<const Picture>;

// [any] The pixels in CPU memory, read back from the GPU where they are there; rows picture.stride_bytes apart.
[[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> pixels_of(const Picture& picture);

class RenderDelegate {
 public:
  RenderDelegate() = default;
  RenderDelegate(const RenderDelegate&) = delete;
  RenderDelegate& operator=(const RenderDelegate&) = delete;
  virtual ~RenderDelegate() = default;

  // [any] Grows with every submitted plan; 0: nothing to show yet.
  [[nodiscard]] virtual std::uint64_t damage() const = 0;

  // [any] Whether the next picture is likely to come as `frame`: what a source offers first when it negotiates. It may change
  // while playing, since the CPU draws for a GPU that fails and hands back later. The picture itself says what it is: a
  // source renegotiates when the kind of the picture it has to push differs from what was negotiated, and wraps no other.
  [[nodiscard]] virtual bool draws_on_gpu() const { return false; }

  // [stream] The newest plan's picture: drawn now, or the one another source has just drawn. Blocks while drawing.
  // `unavailable` when there is no plan yet or `interrupt` was called.
  [[nodiscard]] virtual gstx::Result<PicturePtr> picture() = 0;

  // [any] `wake` is called, on the submitting thread, whenever damage grows. Returns an id for `unlisten`, which
  // blocks until no call runs.
  virtual std::uint64_t listen(std::function<void()> wake) = 0;
  virtual void unlisten(std::uint64_t id) = 0;
};
using RenderDelegatePtr = std::shared_ptr<RenderDelegate>;

}  // namespace napari::engine
