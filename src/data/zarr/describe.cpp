#include "data/zarr/describe.hpp"

#include <span>

#include <fmt/format.h>
#include <json-glib/json-glib.h>

#include "data/memory.hpp"
#include "data/roi.hpp"
#include "data/zarr/json.hpp"
#include "data/zarr/ngff.hpp"
#include "gstx/ref.hpp"
#include "gstx/unique.hpp"

namespace napari::data {

namespace {

template <typename T>
std::string joined(const std::vector<T>& values, const char* separator) {
  std::string text;
  for (const T value : values) {
    if (!text.empty()) text += separator;
    text += fmt::format("{}", value);
  }
  return text;
}

void add_axes(JsonBuilder* builder, const ImageInfo& info) {
  json_builder_set_member_name(builder, "axes");
  json_builder_begin_array(builder);
  for (const Axis& axis : info.axes) {
    json_builder_begin_object(builder);
    zarr::add_string(builder, "name", axis.name);
    zarr::add_string(builder, "type", zarr::axis_type_name(axis.type));
    if (!axis.unit.empty()) zarr::add_string(builder, "unit", axis.unit);
    json_builder_end_object(builder);
  }
  json_builder_end_array(builder);
}

void add_levels(JsonBuilder* builder, const ImageInfo& info) {
  json_builder_set_member_name(builder, "levels");
  json_builder_begin_array(builder);
  for (const Level& level : info.levels) {
    json_builder_begin_object(builder);
    zarr::add_string(builder, "path", level.path);
    zarr::add_integers(builder, "shape", level.shape);
    zarr::add_integers(builder, "chunk", level.chunk);
    zarr::add_numbers(builder, "scale", level.scale);
    zarr::add_numbers(builder, "translation", level.translation);
    zarr::add_string(builder, "dtype", std::string(to_string(level.dtype)));
    zarr::add_string(builder, "codec", level.codec);
    json_builder_set_member_name(builder, "bytes");
    json_builder_add_int_value(builder, region_bytes(whole(level.shape), level.dtype));
    json_builder_end_object(builder);
  }
  json_builder_end_array(builder);
}

void add_channels(JsonBuilder* builder, const ImageInfo& info) {
  json_builder_set_member_name(builder, "channels");
  json_builder_begin_array(builder);
  for (const ChannelInfo& channel : info.channels) {
    json_builder_begin_object(builder);
    zarr::add_string(builder, "name", channel.name);
    if (channel.window) zarr::add_numbers(builder, "window", *channel.window);
    if (channel.range) zarr::add_numbers(builder, "range", *channel.range);
    json_builder_end_object(builder);
  }
  json_builder_end_array(builder);
}

}  // namespace

std::string describe(const ImageInfo& info) {
  std::string text = fmt::format("{}\n  path      {}\n  format    {}\n  axes     ", info.name,
                                 info.path, info.format);
  for (const Axis& axis : info.axes) {
    text += fmt::format(" {} ({}{}{})", axis.name, zarr::axis_type_name(axis.type),
                        axis.unit.empty() ? "" : ", ", axis.unit);
  }
  text += '\n';
  for (std::size_t i = 0; i < info.channels.size(); ++i) {
    const ChannelInfo& channel = info.channels[i];
    text += fmt::format("  channel {} {}", i, channel.name.empty() ? "-" : channel.name);
    if (channel.window) {
      text += fmt::format(", limits {} to {}", (*channel.window)[0], (*channel.window)[1]);
    }
    text += '\n';
  }
  for (std::size_t i = 0; i < info.levels.size(); ++i) {
    const Level& level = info.levels[i];
    text += fmt::format(
        "  level {}   {} {}, {}, chunks {}, {}\n            scale {}, translation {}\n", i,
        joined(level.shape, " x "), to_string(level.dtype),
        format_bytes(region_bytes(whole(level.shape), level.dtype)), joined(level.chunk, " x "),
        level.codec, joined(level.scale, ", "), joined(level.translation, ", "));
  }
  return text;
}

std::string describe_json(const ImageInfo& info) {
  const auto owner = gstx::Ref<GObject>::adopt(G_OBJECT(json_builder_new()));
  JsonBuilder* builder = JSON_BUILDER(owner.get());
  json_builder_begin_object(builder);
  zarr::add_string(builder, "name", info.name);
  zarr::add_string(builder, "path", info.path);
  zarr::add_string(builder, "format", info.format);
  add_axes(builder, info);
  add_levels(builder, info);
  add_channels(builder, info);
  json_builder_end_object(builder);
  const std::unique_ptr<JsonNode, gstx::FreeWith<json_node_unref>> root(
      json_builder_get_root(builder));
  const gstx::UniqueString json(json_to_string(root.get(), TRUE));
  return std::string(json.get()) + '\n';
}

}  // namespace napari::data
