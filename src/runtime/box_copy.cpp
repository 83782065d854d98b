#include "runtime/box_copy.hpp"

#include <cstring>

#include <glib.h>

namespace napari::runtime {
namespace {

template <std::size_t Bytes>
void copy_row(const std::byte* from, std::int64_t from_step, std::byte* to, std::int64_t to_step,
              std::int64_t count) {
  for (std::int64_t x = 0; x < count; ++x)
    std::memcpy(to + x * to_step * static_cast<std::int64_t>(Bytes),
                from + x * from_step * static_cast<std::int64_t>(Bytes), Bytes);
}

}  // namespace

VoxelLayout layout_of(const data::Region& region, const LevelSlice& slice) {
  VoxelLayout layout;
  const std::size_t rank = region.shape.size();
  std::int64_t stride = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    bool displayed = false;
    for (std::size_t i = 0; i < 3; ++i) {
      if (slice.axes[i] != static_cast<int>(axis)) continue;
      layout.stride[i] = stride;
      displayed = true;
    }
    if (!displayed) layout.first += (slice.index[axis] - region.start[axis]) * stride;
    stride *= region.shape[axis];
  }
  return layout;
}

VoxelLayout tight_layout(const std::array<std::int64_t, 3>& shape) {
  return {0, {shape[1] * shape[2], shape[2], 1}};
}

void copy_box(const BoxCopy& copy) {
  const auto bytes = static_cast<std::int64_t>(copy.voxel_bytes);
  const auto& from = copy.from_layout;
  const auto& to = copy.to_layout;
  for (std::int64_t z = 0; z < copy.shape[0]; ++z) {
    for (std::int64_t y = 0; y < copy.shape[1]; ++y) {
      const std::byte* source =
          copy.from + (from.first + z * from.stride[0] + y * from.stride[1]) * bytes;
      std::byte* target = copy.to + (to.first + z * to.stride[0] + y * to.stride[1]) * bytes;
      if (from.stride[2] == 1 && to.stride[2] == 1) {
        std::memcpy(target, source, static_cast<std::size_t>(copy.shape[2] * bytes));
        continue;
      }
      switch (copy.voxel_bytes) {
        case 1:
          copy_row<1>(source, from.stride[2], target, to.stride[2], copy.shape[2]);
          break;
        case 2:
          copy_row<2>(source, from.stride[2], target, to.stride[2], copy.shape[2]);
          break;
        case 4:
          copy_row<4>(source, from.stride[2], target, to.stride[2], copy.shape[2]);
          break;
        case 8:
          copy_row<8>(source, from.stride[2], target, to.stride[2], copy.shape[2]);
          break;
        default:
          g_assert_not_reached();
      }
    }
  }
}

}  // namespace napari::runtime
