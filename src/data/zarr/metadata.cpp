#include "data/zarr/metadata.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include <fmt/format.h>

#include "data/dispatch.hpp"
#include "data/zarr/json.hpp"

namespace napari::data::zarr {

namespace {

using gstx::ErrorCode;

// Keeps chunk and shape sums far from overflow.
constexpr std::int64_t kExtentMax = std::int64_t{1} << 40;

struct TypeName {
  std::string_view name;
  DType dtype;
};
// numpy's bool is stored as bytes 0 and 1, and read as such.
constexpr TypeName kTypes[] = {{"u1", DType::u8},  {"u2", DType::u16}, {"u4", DType::u32},
                               {"i1", DType::i8},  {"i2", DType::i16}, {"i4", DType::i32},
                               {"f4", DType::f32}, {"f8", DType::f64}, {"b1", DType::u8}};

gstx::Result<void> parse_dtype(JsonObject* root, ArrayMetadata& array) {
  JsonNode* node = member(root, "dtype");
  if (as_array(node) != nullptr) {
    return gstx::fail(ErrorCode::unsupported, "structured dtypes are not supported");
  }
  const auto text = as_string(node);
  if (!text || text->size() < 3) return gstx::fail(ErrorCode::invalid_argument, "no valid dtype");
  const char order = text->front();
  const std::string_view name = std::string_view(*text).substr(1);
  for (const TypeName& type : kTypes) {
    if (type.name != name) continue;
    const bool single = byte_size(type.dtype) == 1;
    if (order != '<' && order != '>' && !(order == '|' && single)) break;
    constexpr char kNative = std::endian::native == std::endian::little ? '<' : '>';
    array.dtype = type.dtype;
    array.swapped = !single && order != kNative;
    return {};
  }
  return gstx::fail(ErrorCode::unsupported,
                    fmt::format("the dtype '{}' is not supported; u1, u2, u4, i1, i2, i4, f4 and "
                                "f8 in either byte order are",
                                text->substr(0, 32)));
}

gstx::Result<std::vector<std::int64_t>> parse_extents(JsonObject* root, const char* key) {
  auto values = as_integers(member(root, key));
  if (!values) {
    return gstx::fail(ErrorCode::invalid_argument, fmt::format("no valid {}", key));
  }
  if (values->empty() || values->size() > kRankMax) {
    return gstx::fail(
        ErrorCode::invalid_argument,
        fmt::format("{} has {} axes, 1 to {} are supported", key, values->size(), kRankMax));
  }
  for (const std::int64_t value : *values) {
    if (value < 1 || value > kExtentMax) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("{} has the extent {}, not in 1..{}", key, value, kExtentMax));
    }
  }
  return std::move(*values);
}

gstx::Result<void> parse_sizes(JsonObject* root, ArrayMetadata& array) {
  GSTX_ASSIGN_OR_RETURN(array.shape, parse_extents(root, "shape"));
  GSTX_ASSIGN_OR_RETURN(array.chunk, parse_extents(root, "chunks"));
  if (array.shape.size() != array.chunk.size()) {
    return gstx::fail(
        ErrorCode::invalid_argument,
        fmt::format("shape has {} axes but chunks has {}", array.shape.size(), array.chunk.size()));
  }
  std::size_t bytes = byte_size(array.dtype);
  for (const std::int64_t extent : array.chunk) {
    if (static_cast<std::size_t>(extent) > kChunkBytesMax / bytes) {
      return gstx::fail(ErrorCode::unsupported,
                        fmt::format("a chunk is larger than {} bytes", kChunkBytesMax));
    }
    bytes *= static_cast<std::size_t>(extent);
  }
  array.chunk_bytes = bytes;
  std::int64_t voxels = 1;
  for (const std::int64_t extent : array.shape) {
    if (__builtin_mul_overflow(voxels, extent, &voxels)) {
      return gstx::fail(ErrorCode::unsupported, "the array has too many voxels");
    }
  }
  return {};
}

std::optional<double> special_number(const std::string& text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// A value that the dtype cannot hold is an error: reading it as something else would be wrong voxels.
template <typename T>
std::optional<T> fill_as(JsonNode* node) {
  if (node == nullptr) return T{0};
  if constexpr (std::is_floating_point_v<T>) {
    const auto text = as_string(node);
    const auto value = text ? special_number(*text) : as_number(node);
    if (!value) return std::nullopt;
    return static_cast<T>(*value);
  } else {
    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN) {
      return static_cast<T>(json_node_get_boolean(node) != FALSE ? 1 : 0);
    }
    const auto value = as_integer(node);
    if (!value || *value < std::int64_t{std::numeric_limits<T>::min()} ||
        *value > std::int64_t{std::numeric_limits<T>::max()}) {
      return std::nullopt;
    }
    return static_cast<T>(*value);
  }
}

gstx::Result<void> parse_fill(JsonObject* root, ArrayMetadata& array) {
  JsonNode* node = member(root, "fill_value");
  array.fill.resize(byte_size(array.dtype));
  const bool valid = dispatch(array.dtype, [&]<typename T>() {
    const auto value = fill_as<T>(node);
    if (value) std::memcpy(array.fill.data(), &*value, sizeof(T));
    return value.has_value();
  });
  if (valid) return {};
  return gstx::fail(ErrorCode::invalid_argument,
                    fmt::format("fill_value is no {}", to_string(array.dtype)));
}

gstx::Result<void> parse_layout(JsonObject* root, ArrayMetadata& array) {
  const std::string order = as_string(member(root, "order")).value_or("C");
  if (order != "C" && order != "F") {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("order is '{}', not C or F", order.substr(0, 32)));
  }
  array.order = order == "C" ? Order::c : Order::f;
  const std::string separator = as_string(member(root, "dimension_separator")).value_or(".");
  if (separator != "." && separator != "/") {
    return gstx::fail(
        ErrorCode::invalid_argument,
        fmt::format("dimension_separator is '{}', not '.' or '/'", separator.substr(0, 32)));
  }
  array.separator = separator.front();
  return {};
}

gstx::Result<void> parse_codecs(JsonObject* root, ArrayMetadata& array) {
  if (JsonNode* filters = member(root, "filters"); filters != nullptr) {
    JsonArray* list = as_array(filters);
    if (list == nullptr) return gstx::fail(ErrorCode::invalid_argument, "filters is no list");
    if (json_array_get_length(list) > 0) {
      JsonObject* first = as_object(json_array_get_element(list, 0));
      const std::string id =
          first != nullptr ? as_string(member(first, "id")).value_or("?") : std::string("?");
      return gstx::fail(ErrorCode::unsupported,
                        fmt::format("the filter '{}' is not supported", id.substr(0, 64)));
    }
  }
  JsonNode* compressor = member(root, "compressor");
  if (compressor != nullptr && as_object(compressor) == nullptr) {
    return gstx::fail(ErrorCode::invalid_argument, "compressor is no object");
  }
  GSTX_ASSIGN_OR_RETURN(array.codec, parse_codec(as_object(compressor)));
  return {};
}

gstx::Result<ArrayMetadata> parse_root(JsonObject* root) {
  const auto format = as_integer(member(root, "zarr_format"));
  if (!format || *format != 2) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("zarr_format is {}, not 2",
                                  format ? std::to_string(*format) : std::string("missing")));
  }
  ArrayMetadata array;
  GSTX_TRY(parse_dtype(root, array));
  GSTX_TRY(parse_sizes(root, array));
  GSTX_TRY(parse_layout(root, array));
  GSTX_TRY(parse_fill(root, array));
  GSTX_TRY(parse_codecs(root, array));
  return array;
}

}  // namespace

gstx::Result<ArrayMetadata> parse_array(std::string_view json, std::string_view name) {
  GSTX_ASSIGN_OR_RETURN(const JsonDocument document, parse_json_object(json, name));
  auto array = parse_root(json_node_get_object(document.get()));
  if (!array) {
    return gstx::fail(array.error().code, fmt::format("{}: {}", name, array.error().message));
  }
  return array;
}

std::string chunk_key(const ArrayMetadata& array, const std::vector<std::int64_t>& chunk_index) {
  std::string key;
  for (const std::int64_t index : chunk_index) {
    if (!key.empty()) key += array.separator;
    key += std::to_string(index);
  }
  return key;
}

}  // namespace napari::data::zarr
