// The payloads of notify.scene, notify.dims, notify.layers, notify.camera and notify.stream as JSON text, to the byte
// rules of the napari desktop client (docs/protocol.md): the control set is closed, the colour thumbnail is always
// there, nothing is null. Builds no envelope. Threads: any (values).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/encoded_frame.hpp"
#include "scene/scene.hpp"

namespace napari::scene {

// Everything that a baseline tells. `image` null: idle.
struct SceneDescription {
  data::ImageSourcePtr image;
  std::vector<Layer> layers;
  Dims dims;
  bool level_pinned{false};
  CameraPose pose;
  data::CanvasSize canvas;
  double fps{60};
  std::string server_version;
  std::uint64_t scene_version{0};
};

[[nodiscard]] std::string scene_payload(const SceneDescription& scene);
[[nodiscard]] std::string dims_payload(const SceneDescription& scene);

// The names of controls that a layer delta can carry; an empty list means all of them.
[[nodiscard]] std::string layer_controls_payload(const Layer& layer,
                                                 const std::vector<std::string>& names);
[[nodiscard]] std::string layer_thumbnail_payload(const Layer& layer);
// Controls and thumbnail in one frame, for the baseline.
[[nodiscard]] std::string layer_baseline_payload(const Layer& layer);

[[nodiscard]] std::string pose_payload(const CameraPose& pose, int ndisplay,
                                       data::CanvasSize canvas);
// The echo of a camera intent; `delta` is a written JSON object.
[[nodiscard]] std::string camera_echo_payload(std::string_view mode, std::string_view delta);

[[nodiscard]] std::string stream_payload(const data::StreamConfig& config);

}  // namespace napari::scene
