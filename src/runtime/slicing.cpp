#include "runtime/slicing.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace napari::runtime {
namespace {

using gstx::ErrorCode;
using gstx::Result;

Result<void> check_level(const data::ImageInfo& image, std::size_t number) {
  const auto& level = image.levels[number];
  const std::size_t rank = image.axes.size();
  if (level.shape.size() != rank || level.chunk.size() != rank || level.scale.size() != rank ||
      level.translation.size() != rank)
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("level {} does not have {} axes", number, rank));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (level.shape[axis] < 1 || level.chunk[axis] < 1)
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("level {} is empty along axis {}", number, axis));
    if (!(level.scale[axis] > 0) || !std::isfinite(level.scale[axis]) ||
        !std::isfinite(level.translation[axis]))
      return gstx::fail(
          ErrorCode::invalid_argument,
          fmt::format("level {} has scale {} and translation {} along axis {}; only a "
                      "finite, positive scale can be drawn",
                      number, level.scale[axis], level.translation[axis], axis));
  }
  return {};
}

Result<void> check(const data::ImageInfo& image, const scene::Dims& dims) {
  const std::size_t rank = image.axes.size();
  if (rank < 2 || image.levels.empty())
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("an image of {} axes cannot be shown", rank));
  if (dims.order.size() != rank || dims.current_step.size() != rank)
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("dims have {} axes, the image has {}", dims.order.size(), rank));
  std::vector<int> sorted = dims.order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < rank; ++i)
    if (sorted[i] != static_cast<int>(i))
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("order [{}] is no permutation", fmt::join(dims.order, ", ")));
  if (dims.ndisplay != 2 && dims.ndisplay != 3)
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("ndisplay {} is neither 2 nor 3", dims.ndisplay));
  const auto levels = static_cast<int>(image.levels.size());
  if (dims.current_level < 0 || dims.current_level >= levels)
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("level {} not in 0..{}", dims.current_level, levels - 1));
  for (std::size_t i = 0; i < image.levels.size(); ++i) GSTX_TRY(check_level(image, i));
  return {};
}

std::array<int, 3> displayed_axes(const std::vector<int>& order, int count) {
  const std::size_t rank = order.size();
  std::array<int, 3> axes{kNoAxis, order[rank - 2], order[rank - 1]};
  if (count == 3 && rank >= 3) axes[0] = order[rank - 3];
  return axes;
}

// The index at `to` that lies closest to where `step` lies in the world of `from`.
std::int64_t remap(std::int64_t step, const data::Level& from, const data::Level& to,
                   std::size_t axis) {
  const std::int64_t held = std::clamp<std::int64_t>(step, 0, from.shape[axis] - 1);
  const double world = from.scale[axis] * static_cast<double>(held) + from.translation[axis];
  const double index = std::floor((world - to.translation[axis]) / to.scale[axis] + 0.5);
  return static_cast<std::int64_t>(std::clamp(index, 0.0, static_cast<double>(to.shape[axis] - 1)));
}

LevelSlice slice_level(const data::ImageInfo& image, int number, const scene::Dims& dims) {
  const auto& level = image.levels[static_cast<std::size_t>(number)];
  const auto& steps_level = image.levels[static_cast<std::size_t>(dims.current_level)];
  LevelSlice slice;
  slice.level = number;
  slice.dtype = level.dtype;
  slice.axes = displayed_axes(dims.order, dims.ndisplay);
  slice.data_shape = level.shape;
  slice.data_chunk = level.chunk;
  slice.index.resize(level.shape.size(), 0);
  for (std::size_t axis = 0; axis < level.shape.size(); ++axis)
    if (std::find(slice.axes.begin(), slice.axes.end(), static_cast<int>(axis)) == slice.axes.end())
      slice.index[axis] = remap(dims.current_step[axis], steps_level, level, axis);
  for (std::size_t i = 0; i < 3; ++i) {
    if (slice.axes[i] == kNoAxis) continue;
    const auto axis = static_cast<std::size_t>(slice.axes[i]);
    slice.shape[i] = level.shape[axis];
    slice.chunk[i] = std::min(level.chunk[axis], level.shape[axis]);
    slice.origin[i] = level.translation[axis];
    slice.spacing[i] = level.scale[axis];
  }
  return slice;
}

}  // namespace

std::int64_t LevelSlice::bytes() const {
  const double exact = static_cast<double>(shape[0]) * static_cast<double>(shape[1]) *
                       static_cast<double>(shape[2]) * static_cast<double>(byte_size(dtype));
  if (exact > 9e18) return INT64_MAX;
  return shape[0] * shape[1] * shape[2] * static_cast<std::int64_t>(byte_size(dtype));
}

data::Region LevelSlice::region() const {
  data::Region region{index, std::vector<std::int64_t>(index.size(), 1)};
  for (std::size_t i = 0; i < 3; ++i)
    if (axes[i] != kNoAxis) region.shape[static_cast<std::size_t>(axes[i])] = shape[i];
  return region;
}

Result<Slicing> slice_image(const data::ImageInfo& image, const scene::Dims& dims) {
  GSTX_TRY(check(image, dims));
  Slicing slicing;
  slicing.ndisplay = dims.ndisplay;
  for (int level = 0; level < static_cast<int>(image.levels.size()); ++level)
    slicing.levels.push_back(slice_level(image, level, dims));
  return slicing;
}

Result<scene::WorldBox> world_box(const data::ImageInfo& image, const scene::Dims& dims) {
  scene::Dims all = dims;
  all.ndisplay = 3;
  GSTX_TRY(check(image, all));
  const LevelSlice slice = slice_level(image, 0, all);
  scene::WorldBox box;
  for (std::size_t i = 0; i < 3; ++i) {
    box.low[2 - i] = slice.origin[i] - 0.5 * slice.spacing[i];
    box.high[2 - i] =
        slice.origin[i] + (static_cast<double>(slice.shape[i]) - 0.5) * slice.spacing[i];
  }
  return box;
}

}  // namespace napari::runtime
