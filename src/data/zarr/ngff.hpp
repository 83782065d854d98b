// OME-NGFF 0.1 to 0.4 metadata of an image group: axes, levels, transforms, channels. Reads one .zattrs, no array.
// Threads: any (values).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/image_source.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

inline constexpr std::size_t kLevelsMax = 64;
inline constexpr std::size_t kAttributesBytesMax = 8 << 20;  // of a .zattrs

struct MultiscaleLevel {
  std::string path;
  std::vector<double> scale;        // empty: no axes were stated, the array's rank decides
  std::vector<double> translation;  // as long as `scale`
  bool transformed{false};          // the file states a transformation of this level
};

struct Multiscale {
  std::string name;        // may be empty
  std::string version;     // may be empty
  std::vector<Axis> axes;  // empty: none stated
  std::vector<MultiscaleLevel> levels;
  std::vector<ChannelInfo> channels;
};

// The first entry of `multiscales`; `not_found` when there is none. `name` is the file, for messages.
[[nodiscard]] gstx::Result<Multiscale> parse_multiscale(std::string_view json,
                                                        std::string_view name);

// Whether these attributes have a `multiscales` list that is not empty; says nothing about its entries.
[[nodiscard]] bool states_multiscales(std::string_view json);

// What NGFF 0.1 and bare arrays mean: the last `rank` of t, c, z, y, x.
[[nodiscard]] std::vector<Axis> default_axes(std::size_t rank);

// As NGFF writes them; "other" for what it has no name for.
[[nodiscard]] const char* axis_type_name(AxisType type);

}  // namespace napari::data::zarr
