// JSON that others wrote, with bounds: size and nesting are checked before json-glib's recursive parser sees it, and every
// getter names the key that was wrong. Nodes are borrowed from the document. Threads: a document belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <json-glib/json-glib.h>

#include "gstx/result.hpp"
#include "gstx/unique.hpp"

namespace napari::data::zarr {

inline constexpr std::size_t kJsonBytesMax = 8 << 20;
inline constexpr int kJsonDepthMax = 64;

using JsonDocument = std::unique_ptr<JsonNode, gstx::FreeWith<json_node_unref>>;

// The document, whose root is an object. `name` is the file, for the message.
[[nodiscard]] gstx::Result<JsonDocument> parse_json_object(std::string_view text,
                                                           std::string_view name);

// Null where the key is absent or JSON null.
[[nodiscard]] JsonNode* member(JsonObject* object, const char* key);
[[nodiscard]] bool is_string(JsonNode* node);
[[nodiscard]] JsonObject* as_object(JsonNode* node);  // null when it is none (or `node` is null)
[[nodiscard]] JsonArray* as_array(JsonNode* node);    // the same

[[nodiscard]] std::optional<std::string> as_string(JsonNode* node);
[[nodiscard]] std::optional<double> as_number(JsonNode* node);         // finite
[[nodiscard]] std::optional<std::int64_t> as_integer(JsonNode* node);  // also 3.0
[[nodiscard]] std::optional<std::vector<std::int64_t>> as_integers(JsonNode* node);
[[nodiscard]] std::optional<std::vector<double>> as_numbers(JsonNode* node);

// For writing: members of the object that is open, and an element of the array that is.
void add_string(JsonBuilder* builder, const char* key, const std::string& value);
void add_number(JsonBuilder* builder, const char* key, double value);
void add_integers(JsonBuilder* builder, const char* key, std::span<const std::int64_t> values);
void add_numbers(JsonBuilder* builder, const char* key, std::span<const double> values);
void add_numbers(JsonBuilder* builder, std::span<const double> values);

}  // namespace napari::data::zarr
