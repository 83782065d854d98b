#include "engine/cuda/convert_job.hpp"

#include <bit>
#include <utility>

#include <fmt/format.h>

#include "engine/video_plan.hpp"

namespace napari::engine {
namespace {

gstx::Result<void> check_memory(const CudaPicture& source, const CudaVideo& target) {
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  const auto width = static_cast<std::size_t>(target.size.width_px);
  if (source.rgba == 0) return bad("the source has no CUDA memory");
  if (source.stride_bytes < 4 * static_cast<std::size_t>(source.size.width_px)) {
    return bad(fmt::format("source rows of {} px are {} bytes apart", source.size.width_px,
                           source.stride_bytes));
  }
  const std::size_t planes = target.layout == VideoLayout::nv12 ? 2 : 3;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const std::size_t row = plane > 0 && target.layout == VideoLayout::i420 ? width / 2 : width;
    if (target.planes[plane] == 0) return bad(fmt::format("plane {} has no CUDA memory", plane));
    if (target.stride_bytes[plane] < row) {
      return bad(fmt::format("rows of plane {} are {} bytes apart for {} px", plane,
                             target.stride_bytes[plane], width));
    }
  }
  return {};
}

int alignment_of(std::uint64_t pointer, std::size_t stride_bytes) {
  const std::uint64_t bits = pointer | stride_bytes;
  if (bits % 16 == 0) return 16;
  return bits % 4 == 0 ? 4 : 1;
}

kernel::Factors factors_of(ColorMatrix matrix) {
  const simd::VideoFactors f = video_factors(matrix);
  return {f.y_red,   f.y_green,  f.y_blue,  f.cb_red, f.cb_green,
          f.cb_blue, f.cr_green, f.cr_blue, f.cr_red};
}

}  // namespace

gstx::Result<kernel::ConvertJob> plan_convert_job(const CudaPicture& source,
                                                  const CudaVideo& target,
                                                  const ConvertOptions& options) {
  GSTX_TRY(check_video_size(source.size, target.layout, target.size));
  GSTX_TRY(check_memory(source, target));
  kernel::ConvertJob job{};
  job.rgba = std::bit_cast<const unsigned char*>(source.rgba);
  job.rgba_stride = source.stride_bytes;
  job.rgba_alignment = alignment_of(source.rgba, source.stride_bytes);
  job.source_width = source.size.width_px;
  job.source_height = source.size.height_px;
  job.width = target.size.width_px;
  job.height = target.size.height_px;
  job.bottom_first = options.bottom_first ? 1 : 0;
  job.interleaved = target.layout == VideoLayout::nv12 ? 1 : 0;
  for (std::size_t plane = 0; plane < (job.interleaved != 0 ? 2U : 3U); ++plane) {
    const std::uint64_t bits = target.planes[plane] | target.stride_bytes[plane];
    const bool half_width = plane > 0 && target.layout == VideoLayout::i420;
    job.plane[plane] = std::bit_cast<unsigned char*>(target.planes[plane]);
    job.stride[plane] = target.stride_bytes[plane];
    job.aligned_store[plane] = bits % (half_width ? 2 : 4) == 0 ? 1 : 0;
  }
  job.factors = factors_of(options.matrix);
  return job;
}

std::size_t kernel_index(const kernel::ConvertJob& job, VideoLayout layout) {
  const bool enlarged = job.source_width != job.width || job.source_height != job.height;
  return (layout == VideoLayout::y444 ? 2U : 0U) + (enlarged ? 1U : 0U);
}

}  // namespace napari::engine
