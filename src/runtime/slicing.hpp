// How an N-D image is cut for display: which data axes are shown as planes, rows and columns, at which index every other axis
// is cut at each level, and where a level's voxels then lie in the displayed world. Pure. Threads: any (values).
// Displayed axes are the last of `Dims::order`, in that order, so a permuted order shows the transposed image.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/image_source.hpp"
#include "gstx/result.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::runtime {

inline constexpr int kNoAxis = -1;

// Triples are (z, y, x) of the display: planes, rows, columns. Without a plane axis the level is one voxel deep.
struct LevelSlice {
  int level{0};
  data::DType dtype{data::DType::u8};
  std::array<int, 3> axes{kNoAxis, 0, 1};  // data axis
  std::array<std::int64_t, 3> shape{1, 1, 1};
  std::array<std::int64_t, 3> chunk{1, 1, 1};
  data::Vec3 origin{0, 0, 0};  // world of the centre of voxel (0, 0, 0)
  data::Vec3 spacing{1, 1, 1};
  std::vector<std::int64_t> index;  // a data axis each; where it is cut (0 on displayed axes)
  std::vector<std::int64_t> data_shape, data_chunk;
  bool operator==(const LevelSlice&) const = default;

  [[nodiscard]] std::int64_t bytes() const;
  // The displayed box in data axes, every other axis at its index.
  [[nodiscard]] data::Region region() const;
};

struct Slicing {
  int ndisplay{2};
  std::vector<LevelSlice> levels;  // as the image's
  bool operator==(const Slicing&) const = default;
};

// Fails with `invalid_argument` where the dims do not fit the image or a level cannot be placed.
[[nodiscard]] gstx::Result<Slicing> slice_image(const data::ImageInfo& image,
                                                const scene::Dims& dims);

// Bounds of the finest level along the last three axes of the order: what `home_pose` frames, in 2-D and 3-D.
[[nodiscard]] gstx::Result<scene::WorldBox> world_box(const data::ImageInfo& image,
                                                      const scene::Dims& dims);

}  // namespace napari::runtime
