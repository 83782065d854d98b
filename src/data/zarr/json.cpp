#include "data/zarr/json.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "gstx/ref.hpp"

namespace napari::data::zarr {

namespace {

// Deepest nesting of arrays and objects, outside of strings.
int nesting(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

gstx::Result<JsonDocument> parse_json_object(std::string_view text, std::string_view name) {
  const auto refuse = [name](std::string_view why) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, fmt::format("{}: {}", name, why));
  };
  if (text.size() > kJsonBytesMax) return refuse("the JSON is too large");
  if (text.empty()) return refuse("it is empty");
  if (text.find('\0') != std::string_view::npos) return refuse("not valid JSON: it has a NUL");
  if (nesting(text) > kJsonDepthMax) return refuse("the JSON is nested too deeply");
  const gstx::Ref<GObject> parser =
      gstx::Ref<GObject>::adopt(G_OBJECT(json_parser_new_immutable()));
  GError* error = nullptr;
  if (!json_parser_load_from_data(JSON_PARSER(parser.get()), text.data(),
                                  static_cast<gssize>(text.size()), &error)) {
    const gstx::UniqueError owned(error);
    return refuse(fmt::format("not valid JSON ({})", owned->message));
  }
  JsonDocument root(json_parser_steal_root(JSON_PARSER(parser.get())));
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) return refuse("not a JSON object");
  return root;
}

JsonNode* member(JsonObject* object, const char* key) {
  JsonNode* node = json_object_get_member(object, key);
  return node == nullptr || JSON_NODE_HOLDS_NULL(node) ? nullptr : node;
}

bool is_string(JsonNode* node) {
  return node != nullptr && JSON_NODE_HOLDS_VALUE(node) &&
         json_node_get_value_type(node) == G_TYPE_STRING;
}

JsonObject* as_object(JsonNode* node) {
  return node != nullptr && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : nullptr;
}

JsonArray* as_array(JsonNode* node) {
  return node != nullptr && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : nullptr;
}

std::optional<std::string> as_string(JsonNode* node) {
  if (!is_string(node)) return std::nullopt;
  return std::string(json_node_get_string(node));
}

std::optional<double> as_number(JsonNode* node) {
  if (node == nullptr || !JSON_NODE_HOLDS_VALUE(node)) return std::nullopt;
  const GType type = json_node_get_value_type(node);
  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE) return std::nullopt;
  const double value = json_node_get_double(node);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> as_integer(JsonNode* node) {
  const auto number = as_number(node);
  if (!number) return std::nullopt;
  if (json_node_get_value_type(node) == G_TYPE_INT64) return json_node_get_int(node);
  if (std::trunc(*number) != *number || std::abs(*number) > 0x1p53) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<std::vector<std::int64_t>> as_integers(JsonNode* node) {
  JsonArray* array = as_array(node);
  if (array == nullptr) return std::nullopt;
  std::vector<std::int64_t> values;
  for (guint i = 0; i < json_array_get_length(array); ++i) {
    const auto value = as_integer(json_array_get_element(array, i));
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<std::vector<double>> as_numbers(JsonNode* node) {
  JsonArray* array = as_array(node);
  if (array == nullptr) return std::nullopt;
  std::vector<double> values;
  for (guint i = 0; i < json_array_get_length(array); ++i) {
    const auto value = as_number(json_array_get_element(array, i));
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

void add_string(JsonBuilder* builder, const char* key, const std::string& value) {
  json_builder_set_member_name(builder, key);
  json_builder_add_string_value(builder, value.c_str());
}

void add_number(JsonBuilder* builder, const char* key, double value) {
  json_builder_set_member_name(builder, key);
  json_builder_add_double_value(builder, value);
}

void add_integers(JsonBuilder* builder, const char* key, std::span<const std::int64_t> values) {
  json_builder_set_member_name(builder, key);
  json_builder_begin_array(builder);
  for (const std::int64_t value : values) json_builder_add_int_value(builder, value);
  json_builder_end_array(builder);
}

void add_numbers(JsonBuilder* builder, std::span<const double> values) {
  json_builder_begin_array(builder);
  for (const double value : values) json_builder_add_double_value(builder, value);
  json_builder_end_array(builder);
}

void add_numbers(JsonBuilder* builder, const char* key, std::span<const double> values) {
  json_builder_set_member_name(builder, key);
  add_numbers(builder, values);
}

}  // namespace napari::data::zarr
