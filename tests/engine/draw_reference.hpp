// The picture of docs/drawing.md once more, one pixel at a time in double precision: what the back ends are tested against.
// Slow on purpose. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/render_plan.hpp"
#include "data/voxel_block.hpp"

namespace napari::engine::reference {

[[nodiscard]] double voxel(const data::VoxelBlock& block, std::int64_t z, std::int64_t y,
                           std::int64_t x);

// Value of a target pixel in a layer; nothing where the layer leaves it alone.
struct Pixel {
  int x, y;
  data::CanvasSize target;
};
[[nodiscard]] std::optional<double> plane_value(const data::RenderPlan& plan,
                                                const data::PlanLayer& layer, Pixel pixel);
[[nodiscard]] std::optional<double> mip_value(const data::RenderPlan& plan,
                                              const data::PlanLayer& layer, Pixel pixel);

// Colour of a value, 0..1, without opacity.
[[nodiscard]] std::array<double, 3> color(const data::Transfer& transfer, double value);

// The whole picture: RGBA8, tight.
[[nodiscard]] std::vector<std::uint8_t> draw(const data::RenderPlan& plan, data::CanvasSize target);

}  // namespace napari::engine::reference
