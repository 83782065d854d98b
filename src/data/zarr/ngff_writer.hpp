// Writes the .zgroup and .zattrs of an OME-NGFF 0.4 image group. Threads: any.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "data/image_source.hpp"
#include "data/zarr/pyramid.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

struct GroupAttributes {
  std::string name;
  std::vector<Axis> axes;
  std::vector<PyramidLevel> levels;             // paths "0", "1", …
  std::optional<std::array<double, 2>> window;  // contrast limits; none: no `omero` is written
  std::array<double, 2> range{0, 1};
  std::string source;  // where the image came from, for people; empty: not written
  std::array<std::array<double, 4>, 3>
      affine{};               // the source's, to millimetres; written with `source`
  bool affine_applied{true};  // scale and translation say the same as `affine`
};

[[nodiscard]] gstx::Result<void> write_group(const std::string& folder,
                                             const GroupAttributes& attributes);

}  // namespace napari::data::zarr
