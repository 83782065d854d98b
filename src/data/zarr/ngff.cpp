#include "data/zarr/ngff.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "data/zarr/json.hpp"
#include "data/zarr/metadata.hpp"
#include "data/zarr/store.hpp"

namespace napari::data::zarr {

namespace {

using gstx::ErrorCode;

constexpr guint kChannelsMax = 4096;

struct Transform {
  std::vector<double> scale;
  std::vector<double> translation;
};

AxisType type_of(const std::string& name, const std::optional<std::string>& stated) {
  if (stated == "space") return AxisType::space;
  if (stated == "time") return AxisType::time;
  if (stated == "channel") return AxisType::channel;
  if (stated) return AxisType::other;
  if (name == "x" || name == "y" || name == "z") return AxisType::space;
  if (name == "t") return AxisType::time;
  return name == "c" ? AxisType::channel : AxisType::other;
}

gstx::Result<std::vector<Axis>> parse_axes(JsonObject* multiscale) {
  JsonNode* node = member(multiscale, "axes");
  std::vector<Axis> axes;
  if (node == nullptr) return axes;
  JsonArray* list = as_array(node);
  if (list == nullptr || json_array_get_length(list) == 0 ||
      json_array_get_length(list) > kRankMax) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("axes is no list of 1 to {} axes", kRankMax));
  }
  for (guint i = 0; i < json_array_get_length(list); ++i) {
    JsonNode* entry = json_array_get_element(list, i);
    JsonObject* object = as_object(entry);
    const auto name = as_string(object != nullptr ? member(object, "name") : entry);
    if (!name || name->empty() || name->size() > 64) {
      return gstx::fail(ErrorCode::invalid_argument, fmt::format("axis {} has no name", i));
    }
    Axis axis{.name = *name, .type = type_of(*name, std::nullopt), .unit = {}};
    if (object != nullptr) {
      axis.type = type_of(*name, as_string(member(object, "type")));
      axis.unit = as_string(member(object, "unit")).value_or("").substr(0, 64);
    }
    const bool twice = std::any_of(axes.begin(), axes.end(),
                                   [&](const Axis& other) { return other.name == axis.name; });
    if (twice) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("two axes are called '{}'", axis.name));
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

gstx::Result<std::vector<double>> parse_vector(JsonObject* transform, const char* key,
                                               std::size_t rank) {
  auto values = as_numbers(member(transform, key));
  if (!values) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("a {} transform without finite numbers", key));
  }
  if (values->size() != rank) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("a {} of {} numbers for {} axes", key, values->size(), rank));
  }
  return std::move(*values);
}

// Adds one transform after those already in `total`.
gstx::Result<void> append_transform(JsonObject* transform, Transform& total) {
  const std::string type = as_string(member(transform, "type")).value_or("");
  const std::size_t rank = total.scale.size();
  if (type == "identity") return {};
  if (type == "scale") {
    GSTX_ASSIGN_OR_RETURN(const auto factors, parse_vector(transform, "scale", rank));
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (!(factors[axis] > 0)) {
        return gstx::fail(ErrorCode::invalid_argument,
                          fmt::format("a scale of {} is not above 0", factors[axis]));
      }
      total.scale[axis] *= factors[axis];
      total.translation[axis] *= factors[axis];
    }
    return {};
  }
  if (type == "translation") {
    GSTX_ASSIGN_OR_RETURN(const auto offsets, parse_vector(transform, "translation", rank));
    for (std::size_t axis = 0; axis < rank; ++axis) total.translation[axis] += offsets[axis];
    return {};
  }
  return gstx::fail(
      ErrorCode::unsupported,
      fmt::format("the coordinate transformation '{}' is not supported", type.substr(0, 64)));
}

gstx::Result<void> append_transforms(JsonObject* owner, Transform& total) {
  JsonNode* node = member(owner, "coordinateTransformations");
  if (node == nullptr) return {};
  JsonArray* list = as_array(node);
  if (list == nullptr) {
    return gstx::fail(ErrorCode::invalid_argument, "coordinateTransformations is no list");
  }
  for (guint i = 0; i < json_array_get_length(list); ++i) {
    JsonObject* transform = as_object(json_array_get_element(list, i));
    if (transform == nullptr) {
      return gstx::fail(ErrorCode::invalid_argument, "a coordinate transformation is no object");
    }
    GSTX_TRY(append_transform(transform, total));
  }
  for (std::size_t axis = 0; axis < total.scale.size(); ++axis) {
    if (!(total.scale[axis] > 0 && total.scale[axis] < 1e300) ||
        !(std::abs(total.translation[axis]) < 1e300)) {
      return gstx::fail(ErrorCode::invalid_argument,
                        "the coordinate transformations leave the range of numbers");
    }
  }
  return {};
}

gstx::Result<std::vector<MultiscaleLevel>> parse_levels(JsonObject* multiscale, std::size_t rank) {
  JsonArray* list = as_array(member(multiscale, "datasets"));
  if (list == nullptr || json_array_get_length(list) == 0 ||
      json_array_get_length(list) > kLevelsMax) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("datasets is no list of 1 to {} levels", kLevelsMax));
  }
  std::vector<MultiscaleLevel> levels;
  for (guint i = 0; i < json_array_get_length(list); ++i) {
    JsonObject* dataset = as_object(json_array_get_element(list, i));
    const auto path = dataset != nullptr ? as_string(member(dataset, "path")) : std::nullopt;
    if (!path) {
      return gstx::fail(ErrorCode::invalid_argument, fmt::format("level {} has no path", i));
    }
    GSTX_TRY(check_key(*path));
    Transform total{std::vector<double>(rank, 1.0), std::vector<double>(rank, 0.0)};
    if (rank > 0) {
      GSTX_TRY(append_transforms(dataset, total));
      GSTX_TRY(append_transforms(multiscale, total));
    }
    const bool transformed = member(dataset, "coordinateTransformations") != nullptr;
    levels.push_back({*path, std::move(total.scale), std::move(total.translation), transformed});
  }
  return levels;
}

std::optional<std::array<double, 2>> interval(JsonObject* window, const char* low,
                                              const char* high) {
  const auto first = as_number(member(window, low));
  const auto last = as_number(member(window, high));
  if (!first || !last || !(*first < *last)) return std::nullopt;
  return std::array<double, 2>{*first, *last};
}

// Rendering hints: what is wrong here is passed over, since the voxels are readable without.
std::vector<ChannelInfo> parse_channels(JsonObject* root) {
  std::vector<ChannelInfo> channels;
  JsonObject* omero = as_object(member(root, "omero"));
  JsonArray* list = omero != nullptr ? as_array(member(omero, "channels")) : nullptr;
  if (list == nullptr) return channels;
  for (guint i = 0; i < std::min(json_array_get_length(list), kChannelsMax); ++i) {
    ChannelInfo channel;
    if (JsonObject* object = as_object(json_array_get_element(list, i)); object != nullptr) {
      channel.name = as_string(member(object, "label")).value_or("").substr(0, 128);
      if (JsonObject* window = as_object(member(object, "window")); window != nullptr) {
        channel.window = interval(window, "start", "end");
        channel.range = interval(window, "min", "max");
      }
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

gstx::Result<Multiscale> parse_root(JsonObject* root) {
  JsonArray* list = as_array(member(root, "multiscales"));
  if (list == nullptr || json_array_get_length(list) == 0) {
    return gstx::fail(ErrorCode::not_found, "there is no multiscales entry");
  }
  JsonObject* multiscale = as_object(json_array_get_element(list, 0));
  if (multiscale == nullptr) {
    return gstx::fail(ErrorCode::invalid_argument, "multiscales[0] is no object");
  }
  Multiscale result;
  result.name = as_string(member(multiscale, "name")).value_or("").substr(0, 256);
  result.version = as_string(member(multiscale, "version")).value_or("").substr(0, 32);
  GSTX_ASSIGN_OR_RETURN(result.axes, parse_axes(multiscale));
  GSTX_ASSIGN_OR_RETURN(result.levels, parse_levels(multiscale, result.axes.size()));
  result.channels = parse_channels(root);
  return result;
}

}  // namespace

gstx::Result<Multiscale> parse_multiscale(std::string_view json, std::string_view name) {
  GSTX_ASSIGN_OR_RETURN(const JsonDocument document, parse_json_object(json, name));
  auto result = parse_root(json_node_get_object(document.get()));
  if (!result) {
    return gstx::fail(result.error().code, fmt::format("{}: {}", name, result.error().message));
  }
  return result;
}

bool states_multiscales(std::string_view json) {
  const auto document = parse_json_object(json, ".zattrs");
  if (!document) return false;
  JsonArray* list = as_array(member(json_node_get_object(document->get()), "multiscales"));
  return list != nullptr && json_array_get_length(list) > 0;
}

std::vector<Axis> default_axes(std::size_t rank) {
  const std::vector<Axis> five{{"t", AxisType::time, {}},
                               {"c", AxisType::channel, {}},
                               {"z", AxisType::space, {}},
                               {"y", AxisType::space, {}},
                               {"x", AxisType::space, {}}};
  std::vector<Axis> axes;
  for (std::size_t i = five.size(); i < rank; ++i) {
    axes.push_back({fmt::format("axis_{}", i - five.size()), AxisType::other, {}});
  }
  const std::size_t named = std::min(rank, five.size());
  axes.insert(axes.end(), five.end() - static_cast<std::ptrdiff_t>(named), five.end());
  return axes;
}

const char* axis_type_name(AxisType type) {
  switch (type) {
    case AxisType::space:
      return "space";
    case AxisType::time:
      return "time";
    case AxisType::channel:
      return "channel";
    case AxisType::other:
      break;
  }
  return "other";
}

}  // namespace napari::data::zarr
