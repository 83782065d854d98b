// Turns an opened image into its first scene: one layer, and dims with the spatial axes displayed. Pure.
// Threads: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/image_source.hpp"
#include "gstx/result.hpp"
#include "scene/scene.hpp"

namespace napari::scene {

inline constexpr int kThumbnailEdge = 32;

struct FirstScene {
  Layer layer;
  Dims dims;
};

// Error: fewer than two axes, or limits that are not lo < hi.
[[nodiscard]] gstx::Result<FirstScene> build_first_scene(const OpenedImage& opened, int ndisplay);

// The scene without a data set: a dummy plane.
[[nodiscard]] Dims idle_dims();

// Axis indices in display order: those that are not space first, then the spatial ones; each in axis order.
[[nodiscard]] std::vector<int> display_order(const std::vector<data::Axis>& axes);

// The indices of `step` at level `from` as the nearest indices at level `to`, by world position, clamped.
[[nodiscard]] std::vector<std::int64_t> rescale_step(const data::ImageInfo& info,
                                                     const std::vector<std::int64_t>& step,
                                                     int from, int to);

// Opaque black, for a layer whose thumbnail was not made yet.
[[nodiscard]] std::vector<std::uint8_t> blank_thumbnail();

}  // namespace napari::scene
