#include "data/zarr/zarr_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "data/zarr/array_reader.hpp"
#include "data/zarr/json.hpp"
#include "data/zarr/local_store.hpp"
#include "data/zarr/ngff.hpp"

namespace napari::data {

namespace {

namespace fs = std::filesystem;
using gstx::ErrorCode;

class ZarrSource final : public ImageSource {
 public:
  ZarrSource(ImageInfo info, std::vector<zarr::ArrayReader> readers)
      : info_(std::move(info)), readers_(std::move(readers)) {}

  const ImageInfo& info() const override { return info_; }

  gstx::Result<void> read(int level, const Region& region, std::span<std::byte> out,
                          std::stop_token stop) const override {
    if (level < 0 || static_cast<std::size_t>(level) >= readers_.size()) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("level {} not in 0..{}", level, readers_.size() - 1));
    }
    return readers_[static_cast<std::size_t>(level)].read(region, out, stop);
  }

 private:
  ImageInfo info_;
  std::vector<zarr::ArrayReader> readers_;
};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string plain_name(const std::string& path) {
  fs::path folder(path);
  if (!folder.has_filename()) folder = folder.parent_path();
  std::string name = folder.filename().string();
  for (const std::string_view suffix : {".zarr", ".ome"}) {
    if (name.size() > suffix.size() && lower_case(name).ends_with(suffix)) {
      name.resize(name.size() - suffix.size());
    }
  }
  return name;
}

Level make_level(const zarr::ArrayMetadata& array, zarr::MultiscaleLevel stated) {
  const std::size_t rank = array.shape.size();
  if (stated.scale.empty()) stated.scale.assign(rank, 1.0);
  if (stated.translation.empty()) stated.translation.assign(rank, 0.0);
  return {.path = std::move(stated.path),
          .shape = array.shape,
          .chunk = array.chunk,
          .scale = std::move(stated.scale),
          .translation = std::move(stated.translation),
          .dtype = array.dtype,
          .codec = array.codec.text};
}

// Before NGFF 0.4 no level states its scale: the shapes tell it, and the first voxel of a level covers the first ones of level 0.
void derive_scale(const Level& finest, Level& level) {
  for (std::size_t axis = 0; axis < level.shape.size(); ++axis) {
    const double factor =
        static_cast<double>(finest.shape[axis]) / static_cast<double>(level.shape[axis]);
    level.scale[axis] = finest.scale[axis] * factor;
    level.translation[axis] = finest.translation[axis] + finest.scale[axis] * (factor - 1) / 2;
  }
}

gstx::Result<ImageSourcePtr> open_multiscale(const zarr::StorePtr& store, const std::string& path,
                                             zarr::Multiscale multiscale) {
  ImageInfo info{.name = multiscale.name.empty() ? plain_name(path) : multiscale.name,
                 .path = path,
                 .format = multiscale.version.empty()
                               ? std::string("OME-Zarr")
                               : fmt::format("OME-Zarr {}", multiscale.version),
                 .axes = multiscale.axes,
                 .levels = {},
                 .channels = std::move(multiscale.channels)};
  std::vector<zarr::ArrayReader> readers;
  for (zarr::MultiscaleLevel& stated : multiscale.levels) {
    const std::string array_path = stated.path;
    const bool transformed = stated.transformed;
    GSTX_ASSIGN_OR_RETURN(auto reader, zarr::ArrayReader::open(store, array_path, {}));
    const zarr::ArrayMetadata& array = reader.metadata();
    if (info.axes.empty()) info.axes = zarr::default_axes(array.shape.size());
    if (array.shape.size() != info.axes.size()) {
      return gstx::fail(
          ErrorCode::invalid_argument,
          fmt::format("{} has {} axes where the group states {}", store->locate(array_path),
                      array.shape.size(), info.axes.size()));
    }
    Level level = make_level(array, std::move(stated));
    if (!info.levels.empty()) {
      if (level.dtype != info.levels.front().dtype) {
        return gstx::fail(
            ErrorCode::unsupported,
            fmt::format("{} is {} where level 0 is {}", store->locate(array_path),
                        to_string(level.dtype), to_string(info.levels.front().dtype)));
      }
      if (!transformed) derive_scale(info.levels.front(), level);
    }
    info.levels.push_back(std::move(level));
    readers.push_back(std::move(reader));
  }
  if (info.axes.size() < 2) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("{} has one axis; an image needs two", path));
  }
  return std::make_shared<const ZarrSource>(std::move(info), std::move(readers));
}

gstx::Result<ImageSourcePtr> open_array(const zarr::StorePtr& store, const std::string& path) {
  GSTX_ASSIGN_OR_RETURN(auto reader, zarr::ArrayReader::open(store, "", {}));
  const zarr::ArrayMetadata& array = reader.metadata();
  if (array.shape.size() < 2) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("{} has one axis; an image needs two", path));
  }
  ImageInfo info{.name = plain_name(path),
                 .path = path,
                 .format = "Zarr v2 array",
                 .axes = zarr::default_axes(array.shape.size()),
                 .levels = {make_level(array, {})},
                 .channels = {}};
  std::vector<zarr::ArrayReader> readers;
  readers.push_back(std::move(reader));
  return std::make_shared<const ZarrSource>(std::move(info), std::move(readers));
}

}  // namespace

std::string converting_command(const std::string& path) {
  const std::string name = lower_case(path);
  const std::string out = plain_name(path.substr(0, path.rfind('.')));
  for (const std::string_view suffix : {".nii", ".nii.gz"}) {
    if (name.ends_with(suffix)) {
      const std::string stem = fs::path(path.substr(0, path.size() - suffix.size())).filename();
      return fmt::format("napari-cuda-server convert '{}' '{}.ome.zarr'", path, stem);
    }
  }
  constexpr std::array kForeign{".tif", ".tiff", ".btf", ".czi", ".nd2", ".lif",  ".lsm", ".ims",
                                ".oib", ".oif",  ".vsi", ".svs", ".dv",  ".ndpi", ".mrc", ".h5"};
  for (const std::string_view suffix : kForeign) {
    if (name.ends_with(suffix)) return fmt::format("bioformats2raw '{}' '{}.zarr'", path, out);
  }
  return {};
}

gstx::Result<ImageSourcePtr> open_zarr_store(const zarr::StorePtr& store, const std::string& path) {
  GSTX_ASSIGN_OR_RETURN(const auto attributes, store->get(".zattrs", zarr::kJsonBytesMax, {}));
  if (attributes) {
    const std::string_view text(reinterpret_cast<const char*>(attributes->data()),
                                attributes->size());
    auto multiscale = zarr::parse_multiscale(text, store->locate(".zattrs"));
    if (multiscale) return open_multiscale(store, path, std::move(*multiscale));
    // Attributes without `multiscales` may belong to a bare array.
    if (multiscale.error().code != ErrorCode::not_found) return gstx::fail(multiscale.error());
  }
  GSTX_ASSIGN_OR_RETURN(const bool is_array, store->exists(".zarray"));
  if (is_array) return open_array(store, path);
  GSTX_ASSIGN_OR_RETURN(const bool is_v3, store->exists("zarr.json"));
  if (is_v3) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("{} is Zarr v3 (zarr.json), which is not supported yet; OME-Zarr "
                                  "0.4 (Zarr v2) is",
                                  path));
  }
  if (attributes) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("{} is a Zarr group without an image of its own (no multiscales "
                                  "in .zattrs)",
                                  path));
  }
  return gstx::fail(
      ErrorCode::invalid_argument,
      fmt::format("{} is no OME-Zarr image (neither .zattrs nor .zarray in it)", path));
}

gstx::Result<ImageSourcePtr> open_zarr(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return gstx::fail(ErrorCode::not_found, fmt::format("{} does not exist", path));
  }
  if (error) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("cannot open {}: {}", path, error.message()));
  }
  if (status.type() != fs::file_type::directory) {
    const std::string command = converting_command(path);
    if (!command.empty()) {
      return gstx::fail(ErrorCode::unsupported,
                        fmt::format("{} is no OME-Zarr; convert it: {}", path, command));
    }
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("{} is no folder, so no OME-Zarr", path));
  }
  return open_zarr_store(zarr::make_local_store(path), path);
}

}  // namespace napari::data
