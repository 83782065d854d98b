// The ledger's keys, with their types, and the way between them and the scene's DTOs. Nothing else spells a key.
// Threads: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/ledger.hpp"
#include "data/config.hpp"
#include "scene/scene.hpp"
#include "scene/scene_json.hpp"

namespace napari::control::keys {

using Ints = std::vector<std::int64_t>;
using Doubles = std::vector<double>;
using Strings = std::vector<std::string>;
using Bytes = std::vector<std::uint8_t>;

inline const TypedKey<std::int64_t> kNdisplay{{Scope::view, "main", "ndisplay"}};
inline const TypedKey<Ints> kCurrentStep{{Scope::dims, "main", "current_step"}};
inline const TypedKey<Ints> kOrder{{Scope::dims, "main", "order"}};
inline const TypedKey<Strings> kAxisLabels{{Scope::dims, "main", "axis_labels"}};
inline const TypedKey<std::int64_t> kLevel{{Scope::multiscale, "main", "level"}};
inline const TypedKey<bool> kLevelPinned{{Scope::multiscale, "main", "pinned"}};
inline const TypedKey<DatasetPtr> kDataset{{Scope::scene, "main", "dataset"}};
inline const TypedKey<Strings> kLayerIds{{Scope::scene, "main", "layer_ids"}};
inline const TypedKey<scene::CameraPose> kPose{{Scope::camera, "main", "pose"}};

// Counts the camera intents of a kind ("zoom"): their version, as the client expects it.
[[nodiscard]] TypedKey<std::int64_t> camera_count(const std::string& kind);

template <typename T>
[[nodiscard]] TypedKey<T> layer(const std::string& id, const std::string& name) {
  return {{Scope::layer, id, name}};
}

}  // namespace napari::control::keys

namespace napari::control {

// What the ledger holds before a data set is opened.
[[nodiscard]] Transaction first_state();

// The whole scene of a data set, replacing the one before.
[[nodiscard]] gstx::Result<Transaction> load_scene(DatasetPtr dataset, int ndisplay);

[[nodiscard]] bool has_layer(const LedgerState& state, const std::string& id);
[[nodiscard]] scene::Layer read_layer(const LedgerState& state, const std::string& id);
[[nodiscard]] scene::Dims read_dims(const LedgerState& state);
[[nodiscard]] data::ImageSourcePtr read_image(const LedgerState& state);  // null: idle
// The size of each axis at the sliders' level; ones where there is no data set.
[[nodiscard]] std::vector<std::int64_t> read_shape(const LedgerState& state);

[[nodiscard]] scene::RenderSnapshotPtr make_snapshot(const LedgerState& state);
[[nodiscard]] scene::SceneDescription describe_scene(const LedgerState& state,
                                                     const data::ServeConfig& config);

}  // namespace napari::control
