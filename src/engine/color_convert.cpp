#include "engine/color_convert.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/simd/kernels.hpp"
#include "engine/thread_pool.hpp"
#include "engine/video_plan.hpp"

namespace napari::engine {
namespace {

constexpr int kBandRows = 16;

gstx::Result<void> check(const RgbaView& source, const VideoTarget& target) {
  GSTX_TRY(check_video_size(source.size, target.layout, target.size));
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  const auto width = static_cast<std::size_t>(target.size.width_px);
  if (source.rgba == nullptr ||
      source.stride_bytes < 4 * static_cast<std::size_t>(source.size.width_px)) {
    return bad(fmt::format("source rows of {} px are {} bytes apart", source.size.width_px,
                           source.stride_bytes));
  }
  const int planes = target.layout == VideoLayout::nv12 ? 2 : 3;
  for (int plane = 0; plane < planes; ++plane) {
    const std::size_t row = plane > 0 && target.layout == VideoLayout::i420 ? width / 2 : width;
    if (target.planes[plane] == nullptr || target.stride_bytes[plane] < row) {
      return bad(fmt::format("rows of plane {} are {} bytes apart for {} px", plane,
                             target.stride_bytes[plane], width));
    }
  }
  return {};
}

}  // namespace

struct ColorConverter::Job {
  const RgbaView& source;
  const VideoTarget& target;
  simd::VideoFactors factors;
  bool bottom_first;
  bool enlarged;

  [[nodiscard]] std::uint8_t* row(int plane, int y, int rows) const {
    const int stored = bottom_first ? rows - 1 - y : y;
    return target.planes[plane] + static_cast<std::size_t>(stored) * target.stride_bytes[plane];
  }
};

ColorConverter::ColorConverter(int threads) : pool_(std::make_shared<ThreadPool>(threads)) {}
ColorConverter::ColorConverter(std::shared_ptr<ThreadPool> pool) : pool_(std::move(pool)) {}
ColorConverter::~ColorConverter() = default;

void ColorConverter::plan_taps(int source_width, int width) {
  if (taps_.source_width == source_width && taps_.width == width) return;
  const auto padded = static_cast<std::size_t>(width) + 1;
  taps_.source_width = source_width;
  taps_.width = width;
  taps_.index.assign(padded, 0);
  taps_.weight.assign(4 * padded, 0);
  for (int x = 0; x < width; ++x) {
    const VideoTap tap = video_tap(x, source_width, width);
    taps_.index[x] = tap.index;
    std::fill_n(taps_.weight.begin() + 4 * static_cast<std::ptrdiff_t>(x), 4, tap.weight);
  }
}

gstx::Result<void> ColorConverter::convert(const RgbaView& source, const VideoTarget& target,
                                           const ConvertOptions& options) {
  GSTX_TRY(check(source, target));
  const Job job{source, target, video_factors(options.matrix), options.bottom_first,
                !(source.size == target.size)};
  if (job.enlarged) plan_taps(source.size.width_px, target.size.width_px);
  const int bands = (target.size.height_px + kBandRows - 1) / kBandRows;
  pool_->run(
      bands, [&](int band) { convert_band(job, band); }, std::stop_token());
  return {};
}

void ColorConverter::convert_band(const Job& job, int band) const {
  const VideoTarget& target = job.target;
  const int width = target.size.width_px;
  const int height = target.size.height_px;
  const auto row_bytes = 4 * static_cast<std::size_t>(width);
  std::vector<std::uint8_t> enlarged(job.enlarged ? 2 * row_bytes : 0);
  std::vector<std::int16_t> blended(
      job.enlarged ? 4 * static_cast<std::size_t>(job.source.size.width_px) + 4 : 0);
  const auto source_row = [&](int y, std::size_t slot) -> const std::uint8_t* {
    if (!job.enlarged)
      return job.source.rgba + static_cast<std::size_t>(y) * job.source.stride_bytes;
    const VideoTap tap = video_tap(y, job.source.size.height_px, height);
    const std::uint8_t* above =
        job.source.rgba + static_cast<std::size_t>(tap.index) * job.source.stride_bytes;
    const bool has_below = tap.index + 1 < job.source.size.height_px;
    std::uint8_t* const out = enlarged.data() + slot * row_bytes;
    simd::enlarge_row(
        {above, has_below ? above + job.source.stride_bytes : above, tap.weight,
         job.source.size.width_px, taps_.index.data(), taps_.weight.data(), blended.data()},
        width, out);
    return out;
  };
  const int end = std::min(height, (band + 1) * kBandRows);
  if (target.layout == VideoLayout::y444) {
    for (int y = band * kBandRows; y < end; ++y) {
      simd::convert_to_444(
          job.factors,
          {source_row(y, 0), job.row(0, y, height), job.row(1, y, height), job.row(2, y, height)},
          width);
    }
    return;
  }
  const bool nv12 = target.layout == VideoLayout::nv12;
  for (int y = band * kBandRows; y < end; y += 2) {
    const simd::RowsTo420 rows{{source_row(y, 0), source_row(y + 1, 1)},
                               {job.row(0, y, height), job.row(0, y + 1, height)},
                               job.row(1, y / 2, height / 2),
                               nv12 ? nullptr : job.row(2, y / 2, height / 2)};
    simd::convert_to_420(job.factors, rows, width,
                         nv12 ? simd::ChromaPacking::interleaved : simd::ChromaPacking::planar);
  }
}

}  // namespace napari::engine
