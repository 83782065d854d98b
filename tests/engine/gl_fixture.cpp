#include "engine/gl_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "data/colormap.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using data::Interpolation;
using data::Vec3;

template <typename T>
void store(std::byte* at, double value) {
  const T typed = static_cast<T>(value);
  std::memcpy(at, &typed, sizeof(T));
}

template <typename T>
double load(const std::byte* at) {
  T typed{};
  std::memcpy(&typed, at, sizeof(T));
  return static_cast<double>(static_cast<float>(typed));
}

void store_as(DType dtype, std::byte* at, double value) {
  switch (dtype) {
    case DType::u8:
      return store<std::uint8_t>(at, value);
    case DType::u16:
      return store<std::uint16_t>(at, value);
    case DType::u32:
      return store<std::uint32_t>(at, value);
    case DType::i8:
      return store<std::int8_t>(at, value);
    case DType::i16:
      return store<std::int16_t>(at, value);
    case DType::i32:
      return store<std::int32_t>(at, value);
    case DType::f32:
      return store<float>(at, value);
    case DType::f64:
      return store<double>(at, value);
  }
}

double voxel(const data::VoxelBlock& block, std::int64_t z, std::int64_t y, std::int64_t x) {
  const std::int64_t index = (z * block.shape[1] + y) * block.shape[2] + x;
  const std::byte* at =
      block.voxels.get() + index * static_cast<std::int64_t>(data::byte_size(block.dtype));
  switch (block.dtype) {
    case DType::u8:
      return load<std::uint8_t>(at);
    case DType::u16:
      return load<std::uint16_t>(at);
    case DType::u32:
      return load<std::uint32_t>(at);
    case DType::i8:
      return load<std::int8_t>(at);
    case DType::i16:
      return load<std::int16_t>(at);
    case DType::i32:
      return load<std::int32_t>(at);
    case DType::f32:
      return load<float>(at);
    case DType::f64:
      return load<double>(at);
  }
  return 0;
}

// A sample between voxels of one plane; `get(row, column)` is a voxel.
double sample(double p, double q, std::int64_t rows, std::int64_t columns, Interpolation how,
              const std::function<double(std::int64_t, std::int64_t)>& get) {
  const auto last_row = static_cast<double>(rows - 1);
  const auto last_column = static_cast<double>(columns - 1);
  if (how == Interpolation::nearest) {
    return get(static_cast<std::int64_t>(std::clamp(std::floor(p + 0.5), 0.0, last_row)),
               static_cast<std::int64_t>(std::clamp(std::floor(q + 0.5), 0.0, last_column)));
  }
  p = std::clamp(p, 0.0, last_row);
  q = std::clamp(q, 0.0, last_column);
  const auto r0 = static_cast<std::int64_t>(p);
  const auto c0 = static_cast<std::int64_t>(q);
  const std::int64_t r1 = std::min(r0 + 1, rows - 1);
  const std::int64_t c1 = std::min(c0 + 1, columns - 1);
  const double fr = p - static_cast<double>(r0);
  const double fc = q - static_cast<double>(c0);
  // A voxel of weight 0 is not touched: it may be NaN.
  const auto mix = [](double from, double to, double f) {
    return f == 0 ? from : from + f * (to - from);
  };
  return mix(mix(get(r0, c0), get(r0, c1), fc), mix(get(r1, c0), get(r1, c1), fc), fr);
}

std::optional<double> plane_value(const data::PlanLayer& layer, const data::PlaneView& view,
                                  double u, double v) {
  std::optional<double> value;
  for (const data::PlanePatch& patch : layer.patches) {
    const double x = (view.center[0] + u * view.world_per_px - patch.origin[0]) / patch.spacing[0];
    const double y = (view.center[1] + v * view.world_per_px - patch.origin[1]) / patch.spacing[1];
    const bool painted =
        x >= static_cast<double>(patch.x0) - 0.5 && x < static_cast<double>(patch.x1) - 0.5 &&
        y >= static_cast<double>(patch.y0) - 0.5 && y < static_cast<double>(patch.y1) - 0.5;
    if (!painted) continue;
    const data::VoxelBlock& block = *patch.block;
    value = sample(y, x, block.shape[1], block.shape[2], layer.interpolation,
                   [&](std::int64_t r, std::int64_t c) { return voxel(block, 0, r, c); });
  }
  return value;
}

std::optional<double> volume_value(const data::PlanLayer& layer, const data::VolumeView& view,
                                   double u, double v) {
  const data::VolumeBlock& volume = *layer.volume;
  const data::VoxelBlock& block = *volume.block;
  std::array<double, 3> o{};
  std::array<double, 3> d{};
  for (std::size_t i = 0; i < 3; ++i) {
    const double aim = view.center[i] + (u * view.right[i] + v * view.down[i]) * view.world_per_px;
    const double eye = view.center[i] - view.forward[i] * view.distance;
    o[i] = ((view.perspective ? eye : aim) - volume.origin[i]) / volume.spacing[i];
    d[i] = (view.perspective ? aim - eye : view.forward[i]) / volume.spacing[i];
  }
  std::size_t k = 0;
  for (std::size_t i = 1; i < 3; ++i) {
    if (std::abs(d[i]) > std::abs(d[k])) k = i;
  }
  const std::size_t a = k == 0 ? 1 : 0;
  const std::size_t b = k == 2 ? 1 : 2;
  std::optional<double> best;
  for (std::int64_t i = 0; i < block.shape[k]; ++i) {
    const double t = (static_cast<double>(i) - o[k]) / d[k];
    const double pa = o[a] + t * d[a];
    const double pb = o[b] + t * d[b];
    if (view.perspective && t <= 0) continue;
    if (pa < -0.5 || pa >= static_cast<double>(block.shape[a]) - 0.5) continue;
    if (pb < -0.5 || pb >= static_cast<double>(block.shape[b]) - 0.5) continue;
    const double value = sample(pa, pb, block.shape[a], block.shape[b], layer.interpolation,
                                [&](std::int64_t p, std::int64_t q) {
                                  std::array<std::int64_t, 3> at{};
                                  at[k] = i;
                                  at[a] = p;
                                  at[b] = q;
                                  return voxel(block, at[0], at[1], at[2]);
                                });
    if (!std::isnan(value) && (!best || value > *best)) best = value;
  }
  return best;
}

std::array<double, 3> colour(double value, const data::Transfer& transfer) {
  double t = 0;
  if (value > transfer.contrast_low) {
    const double span = transfer.contrast_high - transfer.contrast_low;
    t = span > 0 ? std::min(1.0, (value - transfer.contrast_low) / span) : 1.0;
  }
  const double p = 255 * std::pow(t, transfer.gamma);
  const auto& rgb = data::find_colormap(transfer.colormap)->rgb;
  const auto entry = std::min(static_cast<std::size_t>(p), std::size_t{254});
  std::array<double, 3> result{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double f = p - static_cast<double>(entry);
    result[c] = (1 - f) * rgb[entry][c] + f * rgb[entry + 1][c];
  }
  return result;
}

}  // namespace

double noise(std::int64_t z, std::int64_t y, std::int64_t x) {
  std::uint64_t h = static_cast<std::uint64_t>((z * 73856093) ^ (y * 19349663) ^ (x * 83492791));
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return static_cast<double>(h >> 11) * 0x1.0p-53;
}

data::VoxelBlockPtr make_block(
    DType dtype, std::array<std::int64_t, 3> shape,
    const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& value) {
  auto draft = data::allocate_block(dtype, shape);
  if (!draft) return nullptr;
  std::byte* at = draft->voxels.data();
  for (std::int64_t z = 0; z < shape[0]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t x = 0; x < shape[2]; ++x, at += data::byte_size(dtype)) {
        store_as(dtype, at, value(z, y, x));
      }
    }
  }
  return data::finish_block(*std::move(draft));
}

ValueRange value_range(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return {0, 255};
    case DType::u16:
      return {0, 65535};
    case DType::u32:
      return {0, 4e9};
    case DType::i8:
      return {-128, 127};
    case DType::i16:
      return {-32768, 32767};
    case DType::i32:
      return {-2e9, 2e9};
    case DType::f32:
      return {-3.5, 8.25};
    case DType::f64:
      return {-1e-3, 2e-3};
  }
  return {0, 1};
}

data::RenderPlan plane_plan(DType dtype, Interpolation interpolation) {
  const ValueRange range = value_range(dtype);
  const double span = range.high - range.low;
  data::PlanePatch patch;
  patch.block = make_block(dtype, {1, 61, 83}, [&](auto, auto y, auto x) {
    const double wave = 0.5 + 0.5 * std::sin(static_cast<double>(x) * 0.2) *
                                  std::cos(static_cast<double>(y) * 0.15);
    return range.low + span * (0.7 * wave + 0.3 * noise(0, y, x));
  });
  patch.origin = {12.5, -7.25};
  patch.spacing = {0.75, 1.25};
  patch.x1 = 83;
  patch.y1 = 61;
  data::PlanLayer layer;
  layer.patches.push_back(patch);
  layer.transfer.contrast_low = range.low + 0.1 * span;
  layer.transfer.contrast_high = range.high - 0.15 * span;
  layer.interpolation = interpolation;
  data::RenderPlan plan;
  plan.canvas = {200, 150};
  plan.layers.push_back(layer);
  plan.plane.center = {43.3, 30.1};
  plan.plane.world_per_px = 0.3137;
  return plan;
}

data::RenderPlan volume_plan(DType dtype, Interpolation interpolation, bool perspective) {
  const ValueRange range = value_range(dtype);
  const double span = range.high - range.low;
  const std::array<std::int64_t, 3> shape{37, 45, 53};
  data::VolumeBlock volume;
  volume.block = make_block(dtype, shape, [&](auto z, auto y, auto x) {
    const double r = std::hypot(static_cast<double>(z) - 18, static_cast<double>(y) - 22,
                                static_cast<double>(x) - 26);
    const double ball = std::max(0.0, 1 - r / 26);
    return range.low + span * std::min(1.0, 0.8 * ball + 0.2 * noise(z, y, x));
  });
  volume.bricks = data::make_brick_maxima(*volume.block);
  volume.origin = {3, -4, 5};
  volume.spacing = {1.5, 1.0, 0.8};
  data::PlanLayer layer;
  layer.volume = volume;
  layer.transfer.contrast_low = range.low + 0.05 * span;
  layer.transfer.contrast_high = range.high - 0.1 * span;
  layer.interpolation = interpolation;
  data::RenderPlan plan;
  plan.ndisplay = 3;
  plan.still = true;  // exact on every device
  plan.canvas = {160, 120};
  plan.layers.push_back(layer);
  const double c = std::cos(0.6);
  const double s = std::sin(0.6);
  const double c2 = std::cos(0.35);
  const double s2 = std::sin(0.35);
  plan.volume.center = {30, 18, 26};
  plan.volume.forward = {c * c2, s2, s * c2};
  plan.volume.right = {-s, 0, c};
  plan.volume.down = {-c * s2, c2, -s * s2};
  plan.volume.world_per_px = 0.45;
  plan.volume.perspective = perspective;
  plan.volume.distance = perspective ? 70 : 0;
  return plan;
}

data::CanvasSize drawn_size(const data::RenderPlan& plan) {
  const auto even = [&](int px) {
    return std::min((static_cast<int>(std::ceil(px * plan.draw_scale)) + 1) / 2 * 2, px);
  };
  return {even(plan.canvas.width_px), even(plan.canvas.height_px)};
}

gstx::Result<Pixels> draw(Drawer& drawer, const data::RenderPlan& plan, std::stop_token stop) {
  const data::CanvasSize size = drawn_size(plan);
  Pixels pixels(static_cast<std::size_t>(size.width_px * size.height_px) * 4, 0x5A);
  const CpuTarget target{
      .rgba = pixels, .stride_bytes = static_cast<std::size_t>(size.width_px) * 4, .size = size};
  GSTX_TRY(drawer.draw(plan, target, std::move(stop)));
  return pixels;
}

Pixels draw_reference(const data::RenderPlan& plan) {
  const data::CanvasSize size = drawn_size(plan);
  Pixels pixels;
  for (int j = 0; j < size.height_px; ++j) {
    for (int i = 0; i < size.width_px; ++i) {
      const double u =
          (i + 0.5) * plan.canvas.width_px / size.width_px - plan.canvas.width_px / 2.0;
      const double v =
          (j + 0.5) * plan.canvas.height_px / size.height_px - plan.canvas.height_px / 2.0;
      std::array<double, 3> below{};
      for (const data::PlanLayer& layer : plan.layers) {
        const auto value = plan.ndisplay == 3 ? volume_value(layer, plan.volume, u, v)
                                              : plane_value(layer, plan.plane, u, v);
        if (!value) continue;
        const std::array<double, 3> rgb = colour(*value, layer.transfer);
        const double opacity = layer.transfer.opacity;
        for (std::size_t c = 0; c < 3; ++c) below[c] = opacity * rgb[c] + (1 - opacity) * below[c];
      }
      for (const double c : below) {
        pixels.push_back(static_cast<std::uint8_t>(std::floor(255 * c + 0.5)));
      }
      pixels.push_back(255);
    }
  }
  return pixels;
}

Difference compare(const Pixels& a, const Pixels& b) {
  Difference difference;
  if (a.size() != b.size() || a.empty()) return {.max = 256, .within_one = 0};
  std::size_t close = 0;
  double sum = 0;
  for (std::size_t at = 0; at < a.size(); at += 4) {
    int most = 0;
    for (std::size_t c = 0; c < 4; ++c) most = std::max(most, std::abs(a[at + c] - b[at + c]));
    for (std::size_t c = 0; c < 3; ++c) sum += b[at + c];
    difference.max = std::max(difference.max, most);
    if (most <= 1) ++close;
  }
  difference.within_one = static_cast<double>(close) * 4 / static_cast<double>(a.size());
  difference.mean = sum * 4 / 3 / static_cast<double>(a.size());
  return difference;
}

}  // namespace napari::engine::gl_test
