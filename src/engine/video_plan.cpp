#include "engine/video_plan.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace napari::engine {

simd::VideoFactors video_factors(ColorMatrix matrix) {
  const double kr = matrix == ColorMatrix::bt709 ? 0.2126 : 0.299;
  const double kb = matrix == ColorMatrix::bt709 ? 0.0722 : 0.114;
  const double kg = 1 - kr - kb;
  const auto fixed = [](double factor) {
    return static_cast<std::uint16_t>(std::lround(factor / 255 * 65536));
  };
  simd::VideoFactors factors{};
  factors.y_red = fixed(219 * kr);
  factors.y_green = fixed(219 * kg);
  factors.y_blue = fixed(219 * kb);
  factors.cb_red = fixed(112 * kr / (1 - kb));
  factors.cb_green = fixed(112 * kg / (1 - kb));
  factors.cb_blue = fixed(112);
  factors.cr_green = fixed(112 * kg / (1 - kr));
  factors.cr_blue = fixed(112 * kb / (1 - kr));
  factors.cr_red = fixed(112);
  return factors;
}

VideoTap video_tap(int pixel, int source_extent, int extent) {
  const double at =
      std::clamp((pixel + 0.5) * source_extent / extent - 0.5, 0.0, source_extent - 1.0);
  const double index = std::floor(at);
  const long weight = std::min(std::lround((at - index) * 32768), 32767L);
  return {static_cast<std::int32_t>(index), static_cast<std::int16_t>(weight)};
}

gstx::Result<void> check_video_size(data::CanvasSize source, VideoLayout layout,
                                    data::CanvasSize target) {
  const auto bad = [](std::string what) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(what));
  };
  const auto sane = [](data::CanvasSize size) {
    return size.width_px >= 1 && size.height_px >= 1 && size.width_px <= kVideoExtentMax &&
           size.height_px <= kVideoExtentMax;
  };
  if (!sane(source) || !sane(target)) {
    return bad(fmt::format("conversion from {} x {} to {} x {} px, not within 1..{}",
                           source.width_px, source.height_px, target.width_px, target.height_px,
                           kVideoExtentMax));
  }
  if (source.width_px > target.width_px || source.height_px > target.height_px) {
    return bad(
        fmt::format("a picture of {} x {} px does not fit {} x {}: pictures are only enlarged",
                    source.width_px, source.height_px, target.width_px, target.height_px));
  }
  if (layout != VideoLayout::y444 && (target.width_px % 2 != 0 || target.height_px % 2 != 0)) {
    return bad(
        fmt::format("4:2:0 needs an even size, not {} x {}", target.width_px, target.height_px));
  }
  return {};
}

}  // namespace napari::engine
