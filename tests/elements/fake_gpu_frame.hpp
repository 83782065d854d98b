// A GPU picture that is none: its pixels are in CPU memory, it converts with ColorConverter into planes that lie where a GPU's
// would (an offset, strides longer than rows), counts what it is asked for, and fails when told to. Threads: any.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "engine/elements.hpp"

namespace napari::elements {

class FakeGpuFrame : public engine::GpuFrame {
 public:
  static constexpr std::size_t kFirstByte = 256;
  static constexpr std::size_t kExtraStride = 64;

  explicit FakeGpuFrame(data::CanvasSize size) : size_(size) {
    const std::size_t bytes =
        static_cast<std::size_t>(size.width_px) * static_cast<std::size_t>(size.height_px) * 4;
    pixels_ = {std::make_unique<std::uint8_t[]>(bytes).release(),
               std::default_delete<std::uint8_t[]>()};
    std::uint32_t state = 12345;
    for (std::size_t i = 0; i < bytes; ++i) {
      state = state * 1664525u + 1013904223u;
      pixels_.get()[i] = i % 4 == 3 ? 255 : static_cast<std::uint8_t>(state >> 24u);
    }
    ++alive();
  }
  ~FakeGpuFrame() override { --alive(); }

  [[nodiscard]] static std::atomic<int>& alive() {
    static std::atomic<int> count{0};
    return count;
  }

  [[nodiscard]] data::CanvasSize size() const override { return size_; }
  [[nodiscard]] gstx::Result<std::shared_ptr<const std::uint8_t>> read() override {
    ++reads;
    if (read_fails) return gstx::fail(*read_fails);
    return std::shared_ptr<const std::uint8_t>(pixels_);
  }
  [[nodiscard]] gstx::Result<void> write(std::span<const std::uint8_t>, std::size_t, int,
                                         int) override {
    return gstx::fail(gstx::ErrorCode::unsupported, "nothing is painted over in these tests");
  }
  [[nodiscard]] gstx::Result<engine::MappedVideo> convert(
      engine::VideoLayout layout, data::CanvasSize size,
      const engine::ConvertOptions& options) override {
    ++conversions;
    if (convert_fails) return gstx::fail(*convert_fails);
    engine::MappedVideo video = lay_out(layout, size);
    const std::shared_ptr<std::uint8_t> memory(
        std::make_unique<std::uint8_t[]>(video.bytes).release(),
        std::default_delete<std::uint8_t[]>());
    engine::VideoTarget target{.layout = layout, .size = size};
    for (std::size_t plane = 0; plane < 3; ++plane) {
      target.planes[plane] = memory.get() + video.offset[plane];
      target.stride_bytes[plane] = video.stride_bytes[plane];
    }
    engine::ColorConverter converter(1);
    const auto width = static_cast<std::size_t>(size_.width_px);
    GSTX_TRY(converter.convert({pixels_.get(), width * 4, size_}, target, options));
    video.memory = memory;
    converted_to = memory.get();
    return video;
  }
  [[nodiscard]] int cuda_ordinal() const override { return -1; }
  [[nodiscard]] gstx::Result<void> copy_to(const engine::CudaRows&) override {
    return gstx::fail(gstx::ErrorCode::unsupported, "this frame is not on a CUDA device");
  }

  [[nodiscard]] const std::uint8_t* pixels() const { return pixels_.get(); }

  std::atomic<int> reads{0};
  std::atomic<int> conversions{0};
  std::atomic<const std::uint8_t*> converted_to{
      nullptr};                           // where the last conversion put the planes
  std::optional<gstx::Error> read_fails;  // before anybody has the frame
  std::optional<gstx::Error> convert_fails;

 private:
  static engine::MappedVideo lay_out(engine::VideoLayout layout, data::CanvasSize size) {
    const auto width = static_cast<std::size_t>(size.width_px);
    const auto height = static_cast<std::size_t>(size.height_px);
    const bool subsampled = layout != engine::VideoLayout::y444;
    const bool interleaved = layout == engine::VideoLayout::nv12;
    engine::MappedVideo video{.layout = layout, .size = size};
    const std::size_t chroma_stride = (subsampled && !interleaved ? width / 2 : width);
    const std::size_t chroma_rows = subsampled ? height / 2 : height;
    video.stride_bytes = {width + kExtraStride, chroma_stride + kExtraStride,
                          interleaved ? 0 : chroma_stride + kExtraStride};
    video.offset[0] = kFirstByte;
    video.offset[1] = video.offset[0] + video.stride_bytes[0] * height;
    video.offset[2] = interleaved ? 0 : video.offset[1] + video.stride_bytes[1] * chroma_rows;
    const std::size_t last = interleaved ? 1 : 2;
    video.bytes = video.offset[last] + video.stride_bytes[last] * chroma_rows;
    return video;
  }

  const data::CanvasSize size_;
  std::shared_ptr<std::uint8_t> pixels_;
};

}  // namespace napari::elements
