#include "control/keys.hpp"

#include <algorithm>

#include "control/version.hpp"
#include "scene/scene_builder.hpp"

namespace napari::control {
namespace {

using keys::Bytes;
using keys::Doubles;
using keys::Ints;
using keys::Strings;

void write_dims(Transaction& transaction, const scene::Dims& dims) {
  transaction.set<std::int64_t>(keys::kNdisplay, dims.ndisplay);
  transaction.set<Ints>(keys::kCurrentStep, dims.current_step);
  transaction.set<Ints>(keys::kOrder, Ints(dims.order.begin(), dims.order.end()));
  transaction.set<Strings>(keys::kAxisLabels, dims.axis_labels);
  transaction.set<std::int64_t>(keys::kLevel, dims.current_level);
  transaction.set<bool>(keys::kLevelPinned, false);
}

void write_layer(Transaction& transaction, const scene::Layer& layer) {
  const auto& id = layer.id;
  const auto& controls = layer.controls;
  const auto text = [&](const char* name, const std::string& value) {
    transaction.set<std::string>(keys::layer<std::string>(id, name), value);
  };
  const auto number = [&](const char* name, double value) {
    transaction.set<double>(keys::layer<double>(id, name), value);
  };
  const auto pair = [&](const char* name, const std::array<double, 2>& value) {
    transaction.set<Doubles>(keys::layer<Doubles>(id, name), Doubles(value.begin(), value.end()));
  };
  transaction.set<bool>(keys::layer<bool>(id, "visible"), controls.visible);
  text("name", layer.name);
  text("blending", controls.blending);
  text("interpolation", controls.interpolation);
  text("colormap", controls.colormap);
  text("rendering", controls.rendering);
  number("opacity", controls.opacity);
  number("gamma", controls.gamma);
  number("iso_threshold", controls.iso_threshold);
  number("attenuation", controls.attenuation);
  pair("contrast_limits", controls.contrast_limits);
  pair("contrast_range", layer.contrast_range);
  transaction.set<Bytes>(keys::layer<Bytes>(id, "thumbnail"), layer.thumbnail);
}

std::array<double, 2> read_pair(const LedgerState& state, const std::string& id, const char* name) {
  const Doubles& values = state.get(keys::layer<Doubles>(id, name));
  g_assert(values.size() == 2);
  return {values[0], values[1]};
}

}  // namespace

TypedKey<std::int64_t> keys::camera_count(const std::string& kind) {
  return {{Scope::camera, "main", kind}};
}

Transaction first_state() {
  Transaction transaction;
  write_dims(transaction, scene::idle_dims());
  transaction.set<DatasetPtr>(keys::kDataset, nullptr);
  transaction.set<Strings>(keys::kLayerIds, {});
  transaction.set<scene::CameraPose>(keys::kPose, {});
  return transaction;
}

gstx::Result<Transaction> load_scene(DatasetPtr dataset, int ndisplay) {
  GSTX_ASSIGN_OR_RETURN(const scene::FirstScene first,
                        scene::build_first_scene(dataset->opened, ndisplay));
  Transaction transaction;
  write_dims(transaction, first.dims);
  write_layer(transaction, first.layer);
  transaction.set<Strings>(keys::kLayerIds, {first.layer.id});
  transaction.set<DatasetPtr>(keys::kDataset, std::move(dataset));
  return transaction;
}

bool has_layer(const LedgerState& state, const std::string& id) {
  const Strings& ids = state.get(keys::kLayerIds);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

scene::Layer read_layer(const LedgerState& state, const std::string& id) {
  scene::Layer layer;
  layer.id = id;
  layer.name = state.get(keys::layer<std::string>(id, "name"));
  auto& controls = layer.controls;
  controls.visible = state.get(keys::layer<bool>(id, "visible"));
  controls.opacity = state.get(keys::layer<double>(id, "opacity"));
  controls.blending = state.get(keys::layer<std::string>(id, "blending"));
  controls.interpolation = state.get(keys::layer<std::string>(id, "interpolation"));
  controls.colormap = state.get(keys::layer<std::string>(id, "colormap"));
  controls.rendering = state.get(keys::layer<std::string>(id, "rendering"));
  controls.gamma = state.get(keys::layer<double>(id, "gamma"));
  controls.contrast_limits = read_pair(state, id, "contrast_limits");
  controls.iso_threshold = state.get(keys::layer<double>(id, "iso_threshold"));
  controls.attenuation = state.get(keys::layer<double>(id, "attenuation"));
  layer.contrast_range = read_pair(state, id, "contrast_range");
  layer.thumbnail = state.get(keys::layer<Bytes>(id, "thumbnail"));
  return layer;
}

scene::Dims read_dims(const LedgerState& state) {
  const Ints& order = state.get(keys::kOrder);
  scene::Dims dims;
  dims.axis_labels = state.get(keys::kAxisLabels);
  dims.current_step = state.get(keys::kCurrentStep);
  dims.order.assign(order.begin(), order.end());
  dims.ndisplay = static_cast<int>(state.get(keys::kNdisplay));
  dims.current_level = static_cast<int>(state.get(keys::kLevel));
  return dims;
}

data::ImageSourcePtr read_image(const LedgerState& state) {
  const DatasetPtr& dataset = state.get(keys::kDataset);
  return dataset == nullptr ? nullptr : dataset->opened.source;
}

std::vector<std::int64_t> read_shape(const LedgerState& state) {
  const auto image = read_image(state);
  if (image == nullptr) return Ints(state.get(keys::kAxisLabels).size(), 1);
  return image->info().levels.at(static_cast<std::size_t>(state.get(keys::kLevel))).shape;
}

scene::RenderSnapshotPtr make_snapshot(const LedgerState& state) {
  auto snapshot = std::make_shared<scene::RenderSnapshot>();
  const DatasetPtr& dataset = state.get(keys::kDataset);
  snapshot->scene_version = state.scene_version();
  snapshot->dataset_id = dataset == nullptr ? 0 : dataset->id;
  snapshot->image = read_image(state);
  snapshot->dims = read_dims(state);
  snapshot->level_pinned = state.get(keys::kLevelPinned);
  for (const auto& id : state.get(keys::kLayerIds)) {
    snapshot->layers.push_back(read_layer(state, id));
  }
  return snapshot;
}

scene::SceneDescription describe_scene(const LedgerState& state, const data::ServeConfig& config) {
  scene::SceneDescription scene;
  scene.image = read_image(state);
  for (const auto& id : state.get(keys::kLayerIds)) scene.layers.push_back(read_layer(state, id));
  scene.dims = read_dims(state);
  scene.level_pinned = state.get(keys::kLevelPinned);
  scene.pose = state.get(keys::kPose);
  scene.canvas = config.canvas;
  scene.fps = config.fps;
  scene.server_version = kServerVersion;
  scene.scene_version = state.scene_version();
  return scene;
}

}  // namespace napari::control
