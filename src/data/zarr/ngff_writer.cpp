#include "data/zarr/ngff_writer.hpp"

#include <span>
#include <string_view>

#include <json-glib/json-glib.h>

#include "data/zarr/array_writer.hpp"
#include "data/zarr/json.hpp"
#include "data/zarr/ngff.hpp"
#include "gstx/ref.hpp"
#include "gstx/unique.hpp"

namespace napari::data::zarr {

namespace {

void add_transform(JsonBuilder* builder, const char* type, std::span<const double> values) {
  json_builder_begin_object(builder);
  add_string(builder, "type", type);
  json_builder_set_member_name(builder, type);
  add_numbers(builder, values);
  json_builder_end_object(builder);
}

void add_axes(JsonBuilder* builder, const std::vector<Axis>& axes) {
  json_builder_set_member_name(builder, "axes");
  json_builder_begin_array(builder);
  for (const Axis& axis : axes) {
    json_builder_begin_object(builder);
    add_string(builder, "name", axis.name);
    if (axis.type != AxisType::other) add_string(builder, "type", axis_type_name(axis.type));
    if (!axis.unit.empty()) add_string(builder, "unit", axis.unit);
    json_builder_end_object(builder);
  }
  json_builder_end_array(builder);
}

void add_multiscales(JsonBuilder* builder, const GroupAttributes& attributes) {
  json_builder_set_member_name(builder, "multiscales");
  json_builder_begin_array(builder);
  json_builder_begin_object(builder);
  add_string(builder, "version", "0.4");
  add_string(builder, "name", attributes.name);
  add_axes(builder, attributes.axes);
  json_builder_set_member_name(builder, "datasets");
  json_builder_begin_array(builder);
  for (std::size_t level = 0; level < attributes.levels.size(); ++level) {
    json_builder_begin_object(builder);
    add_string(builder, "path", std::to_string(level));
    json_builder_set_member_name(builder, "coordinateTransformations");
    json_builder_begin_array(builder);
    add_transform(builder, "scale", attributes.levels[level].scale);
    add_transform(builder, "translation", attributes.levels[level].translation);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
  }
  json_builder_end_array(builder);
  add_string(builder, "type", "mean");
  json_builder_end_object(builder);
  json_builder_end_array(builder);
}

void add_omero(JsonBuilder* builder, const GroupAttributes& attributes) {
  json_builder_set_member_name(builder, "omero");
  json_builder_begin_object(builder);
  add_string(builder, "version", "0.4");
  json_builder_set_member_name(builder, "channels");
  json_builder_begin_array(builder);
  json_builder_begin_object(builder);
  add_string(builder, "label", attributes.name);
  add_string(builder, "color", "FFFFFF");
  json_builder_set_member_name(builder, "active");
  json_builder_add_boolean_value(builder, TRUE);
  json_builder_set_member_name(builder, "window");
  json_builder_begin_object(builder);
  add_number(builder, "start", (*attributes.window)[0]);
  add_number(builder, "end", (*attributes.window)[1]);
  add_number(builder, "min", attributes.range[0]);
  add_number(builder, "max", attributes.range[1]);
  json_builder_end_object(builder);
  json_builder_end_object(builder);
  json_builder_end_array(builder);
  json_builder_set_member_name(builder, "rdefs");
  json_builder_begin_object(builder);
  add_string(builder, "model", "greyscale");
  json_builder_end_object(builder);
  json_builder_end_object(builder);
}

void add_source(JsonBuilder* builder, const GroupAttributes& attributes) {
  json_builder_set_member_name(builder, "napari_cuda");
  json_builder_begin_object(builder);
  add_string(builder, "source", attributes.source);
  json_builder_set_member_name(builder, "affine");
  json_builder_begin_array(builder);
  for (const auto& row : attributes.affine) add_numbers(builder, row);
  json_builder_end_array(builder);
  json_builder_set_member_name(builder, "affine_applied");
  json_builder_add_boolean_value(builder, attributes.affine_applied ? TRUE : FALSE);
  json_builder_end_object(builder);
}

}  // namespace

gstx::Result<void> write_group(const std::string& folder, const GroupAttributes& attributes) {
  const auto owner = gstx::Ref<GObject>::adopt(G_OBJECT(json_builder_new()));
  JsonBuilder* builder = JSON_BUILDER(owner.get());
  json_builder_begin_object(builder);
  add_multiscales(builder, attributes);
  if (attributes.window) add_omero(builder, attributes);
  if (!attributes.source.empty()) add_source(builder, attributes);
  json_builder_end_object(builder);
  const std::unique_ptr<JsonNode, gstx::FreeWith<json_node_unref>> root(
      json_builder_get_root(builder));
  const gstx::UniqueString text(json_to_string(root.get(), TRUE));
  const std::string_view attributes_text(text.get());
  GSTX_TRY(write_file(folder + "/.zattrs", std::as_bytes(std::span(attributes_text))));
  constexpr std::string_view kGroup = "{\n  \"zarr_format\": 2\n}\n";
  return write_file(folder + "/.zgroup", std::as_bytes(std::span(kGroup)));
}

}  // namespace napari::data::zarr
