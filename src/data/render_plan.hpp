// What the engine draws: voxels resident in memory, where they lie, and how values become colours. Holds no scene
// words and no data set: the runtime fills it from a snapshot and the loader. Immutable once submitted (shared_ptr<const>).
// Threads: any (values); the voxel memory is kept alive by the plan.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/types.hpp"

namespace napari::data {

// Voxels of one 2-D or 3-D box, native dtype and byte order, C order. The allocation is followed by at least
// kOverReadBytes readable bytes, since SIMD gathers read whole 32-bit lanes. `id` is unique for the process's life: caches key on it.
inline constexpr std::size_t kOverReadBytes = 64;

struct VoxelBlock {
  std::uint64_t id{0};
  DType dtype{DType::u8};
  std::array<std::int64_t, 3> shape{1, 1, 1};  // z, y, x (z = 1 for a plane)
  // shape[0]*shape[1]*shape[2]*byte_size(dtype) bytes, tight
  std::shared_ptr<const std::byte> voxels;
};
using VoxelBlockPtr = std::shared_ptr<const VoxelBlock>;

// Largest value in bricks of 8x8x8 voxels plus one voxel of neighbourhood on every side (so that no interpolated sample in
// a brick exceeds it), for skipping. Shape is ceil(block shape / kBrickEdge), C order. NaN counts as -infinity.
inline constexpr int kBrickEdge = 8;
struct BrickMaxima {
  std::array<std::int64_t, 3> shape{0, 0, 0};
  std::vector<float> max;
};

enum class Interpolation { nearest, linear };

// value -> t = clamp((value - lo) / (hi - lo), 0, 1), NaN -> 0 -> t^gamma -> colour table -> times opacity over black.
struct Transfer {
  double contrast_low{0};
  double contrast_high{1};
  double gamma{1};
  double opacity{1};
  std::string colormap{"gray"};  // a name of data::colormap_names()
  bool operator==(const Transfer&) const = default;
};

// A rectangle of one plane at one level, 2-D. Patches are drawn in order, later over earlier (coarse first).
// world_x = origin[0] + spacing[0] * column_index, world_y = origin[1] + spacing[1] * row_index (centre of a pixel).
struct PlanePatch {
  VoxelBlockPtr block;  // shape[0] == 1
  Vec2 origin{0, 0};    // world (x, y) of the centre of pixel (0, 0) of the block
  Vec2 spacing{1, 1};   // world units per pixel, > 0
  // Pixels of the block that this patch may paint, half-open [x0, x1) x [y0, y1); the rest is margin for interpolation. A canvas
  // pixel is painted where its world point falls into the area covered by these pixels (edges at index -0.5 and +0.5).
  // Linear interpolation clamps at the block's edges.
  std::int64_t x0{0}, y0{0}, x1{0}, y1{0};
};

// A volume at one level.
struct VolumeBlock {
  VoxelBlockPtr block;
  std::shared_ptr<const BrickMaxima> bricks;  // null: nothing is skipped
  Vec3 origin{0, 0, 0};                       // world (z, y, x) of the centre of voxel (0, 0, 0)
  Vec3 spacing{1, 1, 1};                      // world units per voxel (z, y, x), > 0
};

struct PlanLayer {
  std::vector<PlanePatch> patches;    // 2-D
  std::optional<VolumeBlock> volume;  // 3-D
  Transfer transfer;
  Interpolation interpolation{Interpolation::linear};
};

// The canvas shows world [center - size/2, center + size/2], size = canvas pixels * world_per_px; +y down (row 0 on top).
// Canvas pixel (i, j) samples world center + ((i + 0.5) - width/2, (j + 0.5) - height/2) * world_per_px.
struct PlaneView {
  Vec2 center{0, 0};  // world (x, y)
  double world_per_px{1};
};

// A ray for canvas pixel (i, j): with u = (i + 0.5 - width/2), v = (j + 0.5 - height/2) in canvas pixels,
//   orthographic: origin = center + (u * right + v * down) * world_per_px, direction = forward
//   perspective:  origin = eye = center - forward * distance, through center + (u * right + v * down) * world_per_px
// right, down, forward are orthonormal, in world (z, y, x).
struct VolumeView {
  Vec3 center{0, 0, 0};
  Vec3 right{0, 0, 1};
  Vec3 down{0, 1, 0};
  Vec3 forward{1, 0, 0};
  double world_per_px{1};  // at the centre's depth
  double distance{0};      // eye to centre, world units; perspective only
  bool perspective{false};
};

struct RenderPlan {
  std::uint64_t scene_version{0};
  CanvasSize canvas;  // what is encoded
  // drawn size = ceil(canvas * draw_scale) made even; < 1 while moving, 1 when still
  double draw_scale{1};
  int ndisplay{2};
  std::vector<PlanLayer> layers;  // back to front; empty: black
  PlaneView plane;
  VolumeView volume;
  bool still{false};  // nothing is moving and nothing is missing: the tier may settle
};
using RenderPlanPtr = std::shared_ptr<const RenderPlan>;

[[nodiscard]] std::uint64_t next_block_id();  // [any]

}  // namespace napari::data
