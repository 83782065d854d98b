#include "engine/draw_reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "data/colormap.hpp"
#include "data/dispatch.hpp"

namespace napari::engine::reference {
namespace {

double mix(double a, double b, double weight) { return weight == 0 ? a : a + (b - a) * weight; }

// Bilinear in the two axes that are not `fixed`; `p` is clamped there.
double sample(const data::VoxelBlock& block, std::array<double, 3> p, std::size_t fixed,
              bool linear) {
  std::array<std::int64_t, 3> low{};
  std::array<std::int64_t, 3> high{};
  std::array<double, 3> weight{};
  for (std::size_t c = 0; c < 3; ++c) {
    const auto last = static_cast<double>(block.shape[c] - 1);
    const double at = std::clamp(linear && c != fixed ? p[c] : std::floor(p[c] + 0.5), 0.0, last);
    low[c] = static_cast<std::int64_t>(std::floor(at));
    high[c] = std::min(low[c] + 1, block.shape[c] - 1);
    weight[c] = at - std::floor(at);
  }
  const std::size_t a = fixed == 0 ? 1 : 0;
  const std::size_t b = fixed == 2 ? 1 : 2;
  const auto at = [&](bool up_a, bool up_b) {
    std::array<std::int64_t, 3> index = low;
    if (up_a) index[a] = high[a];
    if (up_b) index[b] = high[b];
    return voxel(block, index[0], index[1], index[2]);
  };
  return mix(mix(at(false, false), at(false, true), weight[b]),
             mix(at(true, false), at(true, true), weight[b]), weight[a]);
}

}  // namespace

double voxel(const data::VoxelBlock& block, std::int64_t z, std::int64_t y, std::int64_t x) {
  return data::dispatch(block.dtype, [&]<typename T>() {
    T value;
    const std::int64_t index = (z * block.shape[1] + y) * block.shape[2] + x;
    std::memcpy(&value, block.voxels.get() + index * static_cast<std::int64_t>(sizeof(T)),
                sizeof(T));
    return static_cast<double>(static_cast<float>(value));
  });
}

std::optional<double> plane_value(const data::RenderPlan& plan, const data::PlanLayer& layer,
                                  Pixel pixel) {
  const double cx =
      (pixel.x + 0.5) * plan.canvas.width_px / pixel.target.width_px - plan.canvas.width_px / 2.0;
  const double cy = (pixel.y + 0.5) * plan.canvas.height_px / pixel.target.height_px -
                    plan.canvas.height_px / 2.0;
  std::optional<double> value;
  for (const data::PlanePatch& patch : layer.patches) {
    const double u =
        (plan.plane.center[0] + cx * plan.plane.world_per_px - patch.origin[0]) / patch.spacing[0];
    const double v =
        (plan.plane.center[1] + cy * plan.plane.world_per_px - patch.origin[1]) / patch.spacing[1];
    const bool painted =
        u >= static_cast<double>(patch.x0) - 0.5 && u < static_cast<double>(patch.x1) - 0.5 &&
        v >= static_cast<double>(patch.y0) - 0.5 && v < static_cast<double>(patch.y1) - 0.5;
    if (painted)
      value =
          sample(*patch.block, {0, v, u}, 0, layer.interpolation == data::Interpolation::linear);
  }
  return value;
}

std::optional<double> mip_value(const data::RenderPlan& plan, const data::PlanLayer& layer,
                                Pixel pixel) {
  const data::VolumeView& view = plan.volume;
  const data::VolumeBlock& volume = *layer.volume;
  const double u =
      (pixel.x + 0.5) * plan.canvas.width_px / pixel.target.width_px - plan.canvas.width_px / 2.0;
  const double v = (pixel.y + 0.5) * plan.canvas.height_px / pixel.target.height_px -
                   plan.canvas.height_px / 2.0;
  std::array<double, 3> o{};
  std::array<double, 3> d{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double through =
        view.center[c] + (u * view.right[c] + v * view.down[c]) * view.world_per_px;
    const double eye = view.center[c] - view.forward[c] * view.distance;
    o[c] = ((view.perspective ? eye : through) - volume.origin[c]) / volume.spacing[c];
    d[c] = (view.perspective ? through - eye : view.forward[c]) / volume.spacing[c];
  }
  std::size_t k = 0;
  for (std::size_t c = 1; c < 3; ++c) {
    if (std::abs(d[c]) > std::abs(d[k])) k = c;
  }
  std::optional<double> best;
  for (std::int64_t i = 0; i < volume.block->shape[k]; ++i) {
    const double t = (static_cast<double>(i) - o[k]) / d[k];
    if (view.perspective && !(t > 0)) continue;
    std::array<double, 3> p{};
    bool counts = true;
    for (std::size_t c = 0; c < 3; ++c) {
      p[c] = c == k ? static_cast<double>(i) : o[c] + t * d[c];
      counts = counts && p[c] >= -0.5 && p[c] < static_cast<double>(volume.block->shape[c]) - 0.5;
    }
    if (!counts) continue;
    const double value =
        sample(*volume.block, p, k, layer.interpolation == data::Interpolation::linear);
    if (std::isnan(value) || (std::isinf(value) && value < 0)) continue;
    if (!best || value > *best) best = value;
  }
  return best;
}

std::array<double, 3> color(const data::Transfer& transfer, double value) {
  double t = (value - transfer.contrast_low) / (transfer.contrast_high - transfer.contrast_low);
  t = std::isnan(t) ? 0 : std::pow(std::clamp(t, 0.0, 1.0), transfer.gamma);
  const auto& table = data::find_colormap(transfer.colormap)->rgb;
  const double p = 255 * t;
  const auto entry = std::min<std::size_t>(static_cast<std::size_t>(p), 254);
  std::array<double, 3> rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double from = table[entry][c];
    rgb[c] = from + (table[entry + 1][c] - from) * (p - static_cast<double>(entry));
  }
  return rgb;
}

std::vector<std::uint8_t> draw(const data::RenderPlan& plan, data::CanvasSize target) {
  std::vector<std::uint8_t> picture;
  for (int y = 0; y < target.height_px; ++y) {
    for (int x = 0; x < target.width_px; ++x) {
      std::array<double, 3> rgb{};
      for (const data::PlanLayer& layer : plan.layers) {
        const Pixel pixel{x, y, target};
        const std::optional<double> value =
            plan.ndisplay == 3 ? mip_value(plan, layer, pixel) : plane_value(plan, layer, pixel);
        if (!value) continue;
        const std::array<double, 3> over = color(layer.transfer, *value);
        const double opacity = layer.transfer.opacity;
        for (std::size_t c = 0; c < 3; ++c) rgb[c] = opacity * over[c] + (1 - opacity) * rgb[c];
      }
      for (const double c : rgb) {
        picture.push_back(
            static_cast<std::uint8_t>(std::min(255.0, std::floor(255 * c + 0.5 + 1.0 / 65536))));
      }
      picture.push_back(255);
    }
  }
  return picture;
}

}  // namespace napari::engine::reference
