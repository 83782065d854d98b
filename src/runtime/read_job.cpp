#include "runtime/read_job.hpp"

#include <span>

#include "data/brick_maxima.hpp"
#include "data/roi.hpp"
#include "runtime/box_copy.hpp"

namespace napari::runtime {
namespace {

constexpr std::int64_t kPartBytes = std::int64_t{4} << 20;

// Voxel of the block where a part of the volume starts.
std::int64_t first_voxel(const data::Region& part, const LevelSlice& slice,
                         const VoxelLayout& layout) {
  std::int64_t first = 0;
  for (std::size_t i = 0; i < 3; ++i)
    if (slice.axes[i] != kNoAxis)
      first += part.start[static_cast<std::size_t>(slice.axes[i])] * layout.stride[i];
  return first;
}

std::array<std::int64_t, 3> displayed_shape(const data::Region& part, const LevelSlice& slice) {
  std::array<std::int64_t, 3> shape{1, 1, 1};
  for (std::size_t i = 0; i < 3; ++i)
    if (slice.axes[i] != kNoAxis) shape[i] = part.shape[static_cast<std::size_t>(slice.axes[i])];
  return shape;
}

// A part that lies in the block as one run, in the order in which it is read.
bool is_contiguous(const std::array<std::int64_t, 3>& shape, const LevelSlice& slice) {
  const bool in_order = slice.axes[0] < slice.axes[1] && slice.axes[1] < slice.axes[2];
  const bool full_planes = shape[1] == slice.shape[1] && shape[2] == slice.shape[2];
  const bool full_rows = shape[0] == 1 && shape[2] == slice.shape[2];
  return in_order && (full_planes || full_rows);
}

}  // namespace

gstx::Result<ReadJob> ReadJob::make(const LoadRequest& request) {
  const data::Region& region = request.key.chunk.region;
  const bool volume = request.key.kind == ReadKind::volume;
  const std::array<std::int64_t, 3> shape =
      volume ? request.slice.shape : std::array<std::int64_t, 3>{1, 1, region.voxels()};
  GSTX_ASSIGN_OR_RETURN(data::BlockDraft draft, data::allocate_block(request.slice.dtype, shape));
  std::vector<data::Region> parts{region};
  if (volume)
    parts = data::split_by_bytes(region, request.slice.data_chunk, request.slice.dtype, kPartBytes);
  return ReadJob(request, std::move(draft), std::move(parts));
}

gstx::Result<std::int64_t> ReadJob::read_part(std::size_t part, const std::stop_token& stop) {
  const data::Region& region = parts_[part];
  const std::int64_t bytes = data::region_bytes(region, draft_.dtype);
  const int level = request_.key.chunk.level;
  if (request_.key.kind == ReadKind::tile) {
    GSTX_TRY(request_.source->read(level, region, draft_.voxels, stop));
    return bytes;
  }
  const auto voxel_bytes = data::byte_size(draft_.dtype);
  const auto shape = displayed_shape(region, request_.slice);
  VoxelLayout layout = tight_layout(draft_.shape);
  layout.first = first_voxel(region, request_.slice, layout);
  if (is_contiguous(shape, request_.slice)) {
    const auto target = draft_.voxels.subspan(static_cast<std::size_t>(layout.first) * voxel_bytes,
                                              static_cast<std::size_t>(bytes));
    GSTX_TRY(request_.source->read(level, region, target, stop));
    return bytes;
  }
  std::vector<std::byte> scratch(static_cast<std::size_t>(bytes));
  GSTX_TRY(request_.source->read(level, region, scratch, stop));
  copy_box({.from = scratch.data(),
            .from_layout = layout_of(region, request_.slice),
            .to = draft_.voxels.data(),
            .to_layout = layout,
            .shape = shape,
            .voxel_bytes = voxel_bytes});
  return bytes;
}

LoadResult ReadJob::finish() {
  LoadResult result{std::move(request_), data::finish_block(std::move(draft_)), nullptr};
  if (result.request.key.kind == ReadKind::volume)
    result.bricks = data::make_brick_maxima(**result.block);
  return result;
}

}  // namespace napari::runtime
