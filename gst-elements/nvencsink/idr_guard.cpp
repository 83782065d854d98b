#include "nvencsink/idr_guard.hpp"

#include <algorithm>
#include <vector>

#include "gstx/gst_mapped.hpp"

namespace napari::elements {
namespace {

constexpr int kBlock = 4;

struct Plane {
  const std::uint8_t* source;
  int source_stride;
  std::uint8_t* target;
  int target_stride;
  int width;
  int height;
};

void average_blocks(const Plane& plane) {
  std::vector<unsigned> sums(static_cast<std::size_t>((plane.width + kBlock - 1) / kBlock));
  for (int top = 0; top < plane.height; top += kBlock) {
    const int rows = std::min(kBlock, plane.height - top);
    std::fill(sums.begin(), sums.end(), 0U);
    for (int y = top; y < top + rows; ++y) {
      const std::uint8_t* row = plane.source + static_cast<std::ptrdiff_t>(y) * plane.source_stride;
      for (int x = 0; x < plane.width; ++x) sums[static_cast<std::size_t>(x / kBlock)] += row[x];
    }
    for (int y = top; y < top + rows; ++y) {
      std::uint8_t* row = plane.target + static_cast<std::ptrdiff_t>(y) * plane.target_stride;
      for (int x = 0; x < plane.width; ++x) {
        const int columns = std::min(kBlock, plane.width - x / kBlock * kBlock);
        const auto pixels = static_cast<unsigned>(rows * columns);
        row[x] = static_cast<std::uint8_t>(
            (sums[static_cast<std::size_t>(x / kBlock)] + pixels / 2) / pixels);
      }
    }
  }
}

}  // namespace

void IdrGuard::learn(std::size_t bytes, std::int64_t bitrate_bps) {
  constexpr double kBoundSeconds = 0.1;
  constexpr double kGrowth = 3;  // an IDR may cost that much more than the one before
  const double bound = static_cast<double>(bitrate_bps) * kBoundSeconds / 8;
  overshoots_ = overshoots_ || static_cast<double>(bytes) > bound / kGrowth;
}

gstx::Ref<GstBuffer> IdrGuard::soften(GstBuffer* picture) const {
  auto result = gstx::Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, info_.size, nullptr));
  if (!result) return nullptr;
  gst_buffer_copy_into(
      result.get(), picture,
      static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS), 0,
      static_cast<gsize>(-1));
  if (const auto* info = engine::find_frame_info(picture))
    engine::add_frame_meta(result.get(), *info);
  gstx::MappedFrame source(info_, picture, GST_MAP_READ);
  gstx::MappedFrame target(info_, result.get(), GST_MAP_WRITE);
  if (!source || !target || gst_video_frame_copy(&target.frame(), &source.frame()) == FALSE)
    return nullptr;
  average_blocks(
      {.source = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&source.frame(), 0)),
       .source_stride = GST_VIDEO_FRAME_PLANE_STRIDE(&source.frame(), 0),
       .target = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&target.frame(), 0)),
       .target_stride = GST_VIDEO_FRAME_PLANE_STRIDE(&target.frame(), 0),
       .width = GST_VIDEO_INFO_WIDTH(&info_),
       .height = GST_VIDEO_INFO_HEIGHT(&info_)});
  return result;
}

}  // namespace napari::elements
