// The authoritative DTOs: what a scene is, with every default (there are none anywhere else). Threads: any (values).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image_source.hpp"
#include "data/render_plan.hpp"
#include "scene/camera.hpp"

namespace napari::scene {

struct LayerControls {
  bool visible{true};
  double opacity{1};  // 0..1
  std::string blending{"opaque"};
  // nearest | linear act; napari's other names are rejected
  std::string interpolation{"linear"};
  std::string colormap{"gray"};
  std::string rendering{"mip"};
  double gamma{1};                              // > 0
  std::array<double, 2> contrast_limits{0, 1};  // native data values, lo < hi
  double iso_threshold{0.5};
  double attenuation{0.05};
  bool operator==(const LayerControls&) const = default;
};

struct Layer {
  std::string id{"layer-0"};
  std::string name;
  LayerControls controls;
  std::array<double, 2> contrast_range{0, 1};  // the slider's range, native values
  // 32 * 32 RGBA8, rows top first; empty: not made yet
  std::vector<std::uint8_t> thumbnail;
  bool operator==(const Layer&) const = default;
};

// Vectors have one entry per data axis, in axis order.
struct Dims {
  std::vector<std::string> axis_labels{"y", "x"};
  std::vector<std::int64_t> current_step{0, 0};  // indices in the space of `current_level`
  std::vector<int> order{0, 1};
  int ndisplay{2};
  // the sliders' index space; 0 unless a client pins a level
  int current_level{0};
  bool operator==(const Dims&) const = default;

  [[nodiscard]] std::vector<int> displayed() const;  // the last ndisplay entries of order
};

// What the runtime has opened and measured, before it becomes a scene.
struct OpenedImage {
  data::ImageSourcePtr source;
  std::array<double, 2> contrast_limits{0, 1};  // window to start with
  std::array<double, 2> contrast_range{0, 1};
};

// Immutable copy of what drawing needs. No image: idle, black.
struct RenderSnapshot {
  std::uint64_t scene_version{0};
  std::uint64_t dataset_id{0};  // changes with every load
  data::ImageSourcePtr image;
  Dims dims;
  // draw current_level, not what the policy would choose
  bool level_pinned{false};
  std::vector<Layer> layers;
};
using RenderSnapshotPtr = std::shared_ptr<const RenderSnapshot>;

}  // namespace napari::scene
