#include "data/roi.hpp"

#include <algorithm>
#include <limits>

namespace napari::data {

namespace {

std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::numeric_limits<std::int64_t>::max();
  return product;
}

// Largest multiple of `step` that is not above `value`.
std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

std::int64_t stop(const Region& region, std::size_t axis) {
  return region.start[axis] + region.shape[axis];
}

// The region cut into boxes of `step` along the grid that `step` spans, in C order.
std::vector<Region> split_by_grid(const Region& region, Extents step) {
  std::vector<Region> parts;
  if (is_empty(region)) return parts;
  const std::size_t rank = region.start.size();
  std::vector<std::int64_t> corner(region.start);
  for (;;) {
    Region part{corner, std::vector<std::int64_t>(rank)};
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::int64_t next = floor_to(corner[axis], step[axis]) + step[axis];
      part.shape[axis] = std::min(next, stop(region, axis)) - corner[axis];
    }
    const std::vector<std::int64_t> extent = part.shape;
    parts.push_back(std::move(part));
    std::size_t axis = rank;
    while (axis > 0) {
      --axis;
      corner[axis] += extent[axis];
      if (corner[axis] < stop(region, axis)) break;
      corner[axis] = region.start[axis];
      if (axis == 0) return parts;
    }
    if (rank == 0) return parts;
  }
}

}  // namespace

Region whole(Extents shape) {
  return {std::vector<std::int64_t>(shape.size(), 0), {shape.begin(), shape.end()}};
}

Region intersect(const Region& a, const Region& b) {
  Region result = a;
  for (std::size_t axis = 0; axis < a.start.size(); ++axis) {
    const std::int64_t first = std::max(a.start[axis], b.start[axis]);
    const std::int64_t end = std::min(stop(a, axis), stop(b, axis));
    result.start[axis] = first;
    result.shape[axis] = std::max<std::int64_t>(0, end - first);
  }
  return result;
}

Region clamp(const Region& region, Extents shape) {
  Region result = region;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t first = std::clamp<std::int64_t>(region.start[axis], 0, shape[axis]);
    const std::int64_t end = std::clamp<std::int64_t>(stop(region, axis), first, shape[axis]);
    result.start[axis] = first;
    result.shape[axis] = end - first;
  }
  return result;
}

Region align_to_chunks(const Region& region, Extents chunk, Extents shape) {
  Region result = region;
  for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
    if (region.shape[axis] <= 0) continue;
    const std::int64_t first = floor_to(region.start[axis], chunk[axis]);
    const std::int64_t last = floor_to(stop(region, axis) - 1, chunk[axis]);
    result.start[axis] = first;
    result.shape[axis] = last + chunk[axis] - first;
  }
  return clamp(result, shape);
}

bool is_empty(const Region& region) {
  return std::any_of(region.shape.begin(), region.shape.end(),
                     [](std::int64_t extent) { return extent <= 0; });
}

bool contains(const Region& outer, const Region& inner) {
  for (std::size_t axis = 0; axis < outer.start.size(); ++axis) {
    if (inner.start[axis] < outer.start[axis] || stop(inner, axis) > stop(outer, axis))
      return false;
  }
  return true;
}

Region unite(const Region& a, const Region& b) {
  if (is_empty(a)) return b;
  if (is_empty(b)) return a;
  Region result = a;
  for (std::size_t axis = 0; axis < a.start.size(); ++axis) {
    result.start[axis] = std::min(a.start[axis], b.start[axis]);
    result.shape[axis] = std::max(stop(a, axis), stop(b, axis)) - result.start[axis];
  }
  return result;
}

std::int64_t region_bytes(const Region& region, DType dtype) {
  return multiply(region.voxels(), static_cast<std::int64_t>(byte_size(dtype)));
}

std::int64_t chunk_count(const Region& region, Extents chunk) {
  if (is_empty(region)) return 0;
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
    const std::int64_t first = floor_to(region.start[axis], chunk[axis]);
    const std::int64_t last = floor_to(stop(region, axis) - 1, chunk[axis]);
    count = multiply(count, (last - first) / chunk[axis] + 1);
  }
  return count;
}

std::vector<Region> split_by_chunks(const Region& region, Extents chunk) {
  return split_by_grid(region, chunk);
}

std::vector<Region> split_by_bytes(const Region& region, Extents chunk, DType dtype,
                                   std::int64_t bytes_max) {
  std::vector<std::int64_t> step(chunk.begin(), chunk.end());
  auto bytes = static_cast<std::int64_t>(byte_size(dtype));
  for (const std::int64_t extent : step) bytes = multiply(bytes, extent);
  for (std::size_t axis = step.size(); axis-- > 0;) {
    const std::int64_t first = floor_to(region.start[axis], chunk[axis]);
    const std::int64_t span = stop(region, axis) - first;
    const std::int64_t wanted = (span + chunk[axis] - 1) / chunk[axis];
    const std::int64_t fitting =
        std::max<std::int64_t>(1, bytes_max / std::max<std::int64_t>(1, bytes));
    const std::int64_t factor = std::clamp<std::int64_t>(wanted, 1, fitting);
    step[axis] = multiply(step[axis], factor);
    bytes = multiply(bytes, factor);
    if (factor < wanted) break;
  }
  return split_by_grid(region, step);
}

}  // namespace napari::data
