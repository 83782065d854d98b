// A multiscale N-D image that can be read region by region. `zarr/` implements it; tests have their own.
// Threads: immutable after opening; `read` may be called from any number of threads at once and blocks.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/types.hpp"
#include "gstx/result.hpp"

namespace napari::data {

enum class AxisType { space, time, channel, other };

struct Axis {
  std::string name;
  AxisType type{AxisType::other};
  std::string unit;  // empty: none stated
};

struct Level {
  std::string path;                 // inside the group; empty for a single array
  std::vector<std::int64_t> shape;  // one entry an axis
  std::vector<std::int64_t> chunk;  // one entry an axis
  std::vector<double> scale;        // world = scale * index + translation
  std::vector<double> translation;
  DType dtype{DType::u8};
  std::string codec;  // for people: "blosc(lz4, shuffle)"
};

// What the data set's author wrote about a channel (OME `omero`). Data values, native.
struct ChannelInfo {
  std::string name;
  std::optional<std::array<double, 2>> window;  // contrast limits to start with, low < high
  std::optional<std::array<double, 2>> range;   // where values may lie, low < high
};

struct ImageInfo {
  std::string name;
  std::string path;    // what was opened
  std::string format;  // "OME-Zarr 0.4"
  std::vector<Axis> axes;
  std::vector<Level> levels;  // [0] is the finest; never empty
  // empty: nothing stated; else one a channel (or one for an image without that axis)
  std::vector<ChannelInfo> channels;
};

class ImageSource {
 public:
  ImageSource() = default;
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  virtual ~ImageSource() = default;

  [[nodiscard]] virtual const ImageInfo& info() const = 0;

  // Reads `region` of `level` into `out`: C order, contiguous, native byte order, region.voxels() * byte_size(dtype)
  // bytes exactly. Missing chunks read as the fill value. Runs in the calling thread, chunk by chunk: parallelism is the
  // caller's (chunk-aligned reads from several threads). A requested stop ends it with `unavailable` ("cancelled")
  // before the next chunk. Errors name the file and the reason; `out` is then unspecified.
  [[nodiscard]] virtual gstx::Result<void> read(int level, const Region& region,
                                                std::span<std::byte> out,
                                                std::stop_token stop) const = 0;
};

using ImageSourcePtr = std::shared_ptr<const ImageSource>;

}  // namespace napari::data
