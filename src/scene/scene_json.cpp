#include "scene/scene_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <glib.h>

#include "data/colormap.hpp"
#include "gstx/unique.hpp"
#include "scene/json_text.hpp"
#include "scene/scene_builder.hpp"

namespace napari::scene {
namespace {

constexpr std::string_view kSourceKind = "ome-zarr";

void write_thumbnail(JsonText& json, const Layer& layer) {
  constexpr std::size_t kBytes = std::size_t{4} * kThumbnailEdge * kThumbnailEdge;
  const std::vector<std::uint8_t> pixels =
      layer.thumbnail.size() == kBytes ? layer.thumbnail : blank_thumbnail();
  // Three decimals tell 8-bit values apart and keep the frame small.
  std::string text{"["};
  std::size_t at = 0;
  for (int row = 0; row < kThumbnailEdge; ++row) {
    text += row == 0 ? "[" : ",[";
    for (int column = 0; column < kThumbnailEdge; ++column) {
      fmt::format_to(std::back_inserter(text), "{}[{:.3f},{:.3f},{:.3f},{:.3f}]",
                     column == 0 ? "" : ",", pixels[at] / 255.0, pixels[at + 1] / 255.0,
                     pixels[at + 2] / 255.0, pixels[at + 3] / 255.0);
      at += 4;
    }
    text += ']';
  }
  json.member_raw("thumbnail", text + "]");
}

void write_control(JsonText& json, const LayerControls& controls, std::string_view name) {
  if (name == "visible") json.member(name, controls.visible);
  if (name == "opacity") json.member(name, controls.opacity);
  if (name == "blending") json.member(name, controls.blending);
  if (name == "interpolation") json.member(name, controls.interpolation);
  if (name == "colormap") json.member(name, controls.colormap);
  if (name == "rendering") json.member(name, controls.rendering);
  if (name == "gamma") json.member(name, controls.gamma);
  if (name == "contrast_limits") json.member(name, controls.contrast_limits);
  if (name == "iso_threshold") json.member(name, controls.iso_threshold);
  if (name == "attenuation") json.member(name, controls.attenuation);
}

// The closed set: the client refuses a layer with any other.
constexpr std::array<std::string_view, 10> kControlNames = {
    "visible",   "opacity", "blending",        "interpolation", "colormap",
    "rendering", "gamma",   "contrast_limits", "iso_threshold", "attenuation"};

void write_controls(JsonText& json, const LayerControls& controls) {
  json.key("controls").begin_object();
  for (const auto name : kControlNames) write_control(json, controls, name);
  json.end_object();
}

std::vector<double> downsample_of(const data::ImageInfo& info, const data::Level& level) {
  std::vector<double> factors;
  const data::Level& finest = info.levels.front();
  for (std::size_t i = 0; i < level.scale.size(); ++i) {
    const double factor = level.scale[i] / finest.scale[i];
    factors.push_back(std::isfinite(factor) && factor > 0 ? factor : 1.0);
  }
  return factors;
}

std::vector<std::vector<std::int64_t>> level_shapes(const SceneDescription& scene) {
  std::vector<std::vector<std::int64_t>> shapes;
  if (scene.image == nullptr) {
    shapes.emplace_back(scene.dims.axis_labels.size(), 1);
    return shapes;
  }
  for (const data::Level& level : scene.image->info().levels) shapes.push_back(level.shape);
  return shapes;
}

void write_levels(JsonText& json, const SceneDescription& scene) {
  json.key("levels").begin_array();
  if (scene.image == nullptr) {
    const std::vector<double> ones(scene.dims.axis_labels.size(), 1.0);
    json.begin_object().member("index", 0).member("shape", level_shapes(scene).front());
    json.member("downsample", ones).member("path", "").end_object();
  } else {
    const data::ImageInfo& info = scene.image->info();
    for (std::size_t i = 0; i < info.levels.size(); ++i) {
      json.begin_object().member("index", i).member("shape", info.levels[i].shape);
      json.member("downsample", downsample_of(info, info.levels[i]));
      json.member("path", info.levels[i].path).end_object();
    }
  }
  json.end_array();
}

std::array<double, 4> plane_rect(const PlanePose& pose, data::CanvasSize canvas) {
  const double width = canvas.width_px / pose.zoom;
  const double height = canvas.height_px / pose.zoom;
  return {pose.center[0] - width / 2, pose.center[1] - height / 2, width, height};
}

// The members of a pose for the current display; all finite, since a null raises in the client.
void write_pose(JsonText& json, const CameraPose& pose, int ndisplay, data::CanvasSize canvas) {
  if (ndisplay >= 3) {
    json.member("center", pose.volume.center).member("angles", pose.volume.angles);
    json.member("distance", pose.volume.distance).member("fov", pose.volume.fov);
  } else {
    json.member("center", pose.plane.center).member("zoom", pose.plane.zoom);
    json.member("rect", plane_rect(pose.plane, canvas));
  }
}

void write_viewer(JsonText& json, const SceneDescription& scene) {
  const Dims& dims = scene.dims;
  json.key("viewer").begin_object();
  json.key("settings").begin_object().member("fps_target", scene.fps);
  json.member("canvas_size", std::array{scene.canvas.width_px, scene.canvas.height_px});
  json.member("volume_enabled", dims.ndisplay >= 3).end_object();
  json.key("dims").begin_object().member("ndim", dims.axis_labels.size());
  json.member("axis_labels", dims.axis_labels).member("order", dims.order);
  json.member("level_shapes", level_shapes(scene)).member("current_level", dims.current_level);
  json.member("current_step", dims.current_step).member("displayed", dims.displayed());
  json.member("ndisplay", dims.ndisplay).end_object();
  json.key("camera").begin_object().member("ndisplay", dims.ndisplay);
  write_pose(json, scene.pose, dims.ndisplay, scene.canvas);
  json.end_object().end_object();
}

void write_layer(JsonText& json, const SceneDescription& scene, const Layer& layer) {
  const data::ImageInfo& info = scene.image->info();
  const data::Level& finest = info.levels.front();
  json.begin_object().member("layer_id", layer.id).member("layer_type", "image");
  json.member("name", layer.name).member("ndim", finest.shape.size());
  json.member("shape", finest.shape).member("dtype", data::to_string(finest.dtype));
  json.member("axis_labels", scene.dims.axis_labels).member("volume", scene.dims.ndisplay >= 3);
  json.member("level_shapes", level_shapes(scene));
  write_controls(json, layer.controls);
  json.member("contrast_limits", layer.contrast_range);
  json.member("scale", finest.scale).member("translate", finest.translation);
  json.key("metadata").begin_object();
  write_thumbnail(json, layer);
  json.end_object();
  json.key("multiscale").begin_object().member("current_level", scene.dims.current_level);
  json.key("levels").begin_array();
  for (const data::Level& level : info.levels) {
    json.begin_object().member("shape", level.shape);
    json.member("downsample", downsample_of(info, level)).member("path", level.path).end_object();
  }
  json.end_array().end_object();
  json.key("source").begin_object().member("kind", kSourceKind).member("data_id", layer.name);
  json.end_object().end_object();
}

// What our own clients need and the protocol has no place for; the napari client ignores it.
void write_extension(JsonText& json, const SceneDescription& scene) {
  json.key("napari_cuda").begin_object().member("server_version", scene.server_version);
  json.member("scene_version", scene.scene_version);
  json.member("colormaps", data::colormap_names());
  json.member("interpolations", std::array{"nearest", "linear"});
  json.member("level_pinned", scene.level_pinned);
  json.key("axes").begin_array();
  if (scene.image != nullptr) {
    constexpr std::array kTypes = {"space", "time", "channel", "other"};
    const data::ImageInfo& info = scene.image->info();
    const data::Level& finest = info.levels.front();
    for (std::size_t i = 0; i < info.axes.size(); ++i) {
      json.begin_object().member("name", scene.dims.axis_labels[i]);
      json.member("type", kTypes.at(static_cast<std::size_t>(info.axes[i].type)));
      json.member("unit", info.axes[i].unit).member("size", finest.shape[i]);
      json.member("scale", finest.scale[i]).member("translate", finest.translation[i]).end_object();
    }
  }
  json.end_array();
  if (scene.image != nullptr) {
    json.member("dtype", data::to_string(scene.image->info().levels.front().dtype));
    json.member("format", scene.image->info().format);
  }
  json.end_object();
}

}  // namespace

std::string scene_payload(const SceneDescription& scene) {
  const bool ready = scene.image != nullptr;
  JsonText json;
  json.begin_object();
  write_viewer(json, scene);
  json.key("layers").begin_array();
  if (ready) {
    for (const Layer& layer : scene.layers) write_layer(json, scene, layer);
  }
  json.end_array();
  json.key("metadata").begin_object().member("status", ready ? "ready" : "idle");
  if (ready) {
    json.member("source_path", scene.image->info().path).member("source_kind", kSourceKind);
  }
  write_extension(json, scene);
  json.end_object();
  if (ready) {
    json.key("policies").begin_object().key("multiscale").begin_object();
    json.member("active_level", scene.dims.current_level).member("downgraded", false);
    write_levels(json, scene);
    json.end_object().end_object();
  }
  json.end_object();
  return json.take();
}

std::string dims_payload(const SceneDescription& scene) {
  const Dims& dims = scene.dims;
  JsonText json;
  json.begin_object().member("step", dims.current_step).member("current_step", dims.current_step);
  json.member("ndisplay", dims.ndisplay).member("mode", dims.ndisplay >= 3 ? "volume" : "plane");
  json.member("current_level", dims.current_level).member("downgraded", false);
  json.member("level_shapes", level_shapes(scene));
  write_levels(json, scene);
  json.member("axis_labels", dims.axis_labels).member("order", dims.order);
  json.member("displayed", dims.displayed()).end_object();
  return json.take();
}

std::string layer_controls_payload(const Layer& layer, const std::vector<std::string>& names) {
  JsonText json;
  json.begin_object().member("layer_id", layer.id).key("controls").begin_object();
  for (const auto name : kControlNames) {
    if (names.empty() || std::find(names.begin(), names.end(), name) != names.end()) {
      write_control(json, layer.controls, name);
    }
  }
  json.end_object().end_object();
  return json.take();
}

std::string layer_thumbnail_payload(const Layer& layer) {
  JsonText json;
  json.begin_object().member("layer_id", layer.id).key("metadata").begin_object();
  write_thumbnail(json, layer);
  json.end_object().end_object();
  return json.take();
}

std::string layer_baseline_payload(const Layer& layer) {
  JsonText json;
  json.begin_object().member("layer_id", layer.id);
  write_controls(json, layer.controls);
  json.key("metadata").begin_object();
  write_thumbnail(json, layer);
  json.end_object().end_object();
  return json.take();
}

std::string pose_payload(const CameraPose& pose, int ndisplay, data::CanvasSize canvas) {
  JsonText json;
  json.begin_object().member("mode", "pose").member("origin", "worker.state.camera");
  json.key("state").begin_object();
  write_pose(json, pose, ndisplay, canvas);
  json.end_object().end_object();
  return json.take();
}

std::string camera_echo_payload(std::string_view mode, std::string_view delta) {
  JsonText json;
  json.begin_object().member("mode", mode).member("origin", "state.update");
  json.member_raw("delta", delta).end_object();
  return json.take();
}

std::string stream_payload(const data::StreamConfig& config) {
  const gstx::UniqueString avcc(
      g_base64_encode(config.avcc_record.data(), config.avcc_record.size()));
  JsonText json;
  json.begin_object().member("codec", "h264").member("format", "avcc").member("fps", config.fps);
  json.member("frame_size", std::array{config.size.width_px, config.size.height_px});
  json.member("nal_length_size", 4).member("avcc", avcc.get());
  json.key("latency_policy").begin_object().member("max_buffer_ms", 120.0);
  json.member("grace_keyframe_ms", 2000.0).end_object().end_object();
  return json.take();
}

}  // namespace napari::scene
