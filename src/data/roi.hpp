// Box maths in N-D index space: clamping, the chunk grid, sizes. Pure. Every span has one entry an
// axis, as the region. Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/types.hpp"

namespace napari::data {

using Extents = std::span<const std::int64_t>;

// The whole array.
[[nodiscard]] Region whole(Extents shape);

// The part of `region` inside an array of `shape`; empty (extent 0) along an axis where they do not
// meet.
[[nodiscard]] Region clamp(const Region& region, Extents shape);

// Grown outwards to the chunk grid, then clamped to `shape`.
[[nodiscard]] Region align_to_chunks(const Region& region, Extents chunk, Extents shape);

[[nodiscard]] bool is_empty(const Region& region);
[[nodiscard]] bool contains(const Region& outer, const Region& inner);
[[nodiscard]] Region intersect(const Region& a,
                               const Region& b);               // extent 0 where they do not meet
[[nodiscard]] Region unite(const Region& a, const Region& b);  // the smallest box around both

// Saturates at int64 max.
[[nodiscard]] std::int64_t region_bytes(const Region& region, DType dtype);

// How many chunks the region touches; saturates at int64 max.
[[nodiscard]] std::int64_t chunk_count(const Region& region, Extents chunk);

// The region cut along the chunk grid: one part a chunk, in C order. The caller bounds the count
// with `chunk_count`.
[[nodiscard]] std::vector<Region> split_by_chunks(const Region& region, Extents chunk);

// The region cut along the chunk grid into parts of at most `bytes_max` (or a single chunk where
// even that is more), as long as possible along the last axis, so that C-order memory is filled in
// few pieces.
[[nodiscard]] std::vector<Region> split_by_bytes(const Region& region, Extents chunk, DType dtype,
                                                 std::int64_t bytes_max);

}  // namespace napari::data
