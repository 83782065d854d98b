// What the tests of the GL back end share: blocks with known voxels, plans, and a drawing of docs/drawing.md in double
// precision, one pixel at a time, that shares no code with the back ends. Threads: any.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "data/brick_maxima.hpp"
#include "data/render_plan.hpp"
#include "data/voxel_block.hpp"
#include "engine/drawer.hpp"

namespace napari::engine::gl_test {

// A block with `value(z, y, x)` in every voxel, converted to `dtype`.
[[nodiscard]] data::VoxelBlockPtr make_block(
    data::DType dtype, std::array<std::int64_t, 3> shape,
    const std::function<double(std::int64_t, std::int64_t, std::int64_t)>& value);

// Reproducible noise in [0, 1).
[[nodiscard]] double noise(std::int64_t z, std::int64_t y, std::int64_t x);

// The range of values that blocks of `dtype` are filled with.
struct ValueRange {
  double low, high;
};
[[nodiscard]] ValueRange value_range(data::DType dtype);

// One layer: noise over smooth blobs, filling most of a canvas.
[[nodiscard]] data::RenderPlan plane_plan(data::DType dtype, data::Interpolation interpolation);
[[nodiscard]] data::RenderPlan volume_plan(data::DType dtype, data::Interpolation interpolation,
                                           bool perspective);

// RGBA8, tight.
using Pixels = std::vector<std::uint8_t>;
[[nodiscard]] data::CanvasSize drawn_size(const data::RenderPlan& plan);
[[nodiscard]] gstx::Result<Pixels> draw(Drawer& drawer, const data::RenderPlan& plan,
                                        std::stop_token stop = {});
[[nodiscard]] Pixels draw_reference(const data::RenderPlan& plan);

struct Difference {
  int max{0};            // code values
  double within_one{1};  // share of pixels no component of which differs by more than 1
  double mean{0};        // code value of `b`: says that there is a picture
};
[[nodiscard]] Difference compare(const Pixels& a, const Pixels& b);

}  // namespace napari::engine::gl_test
