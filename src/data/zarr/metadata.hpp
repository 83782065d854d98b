// A Zarr v2 array as its .zarray describes it, checked: what comes out of `parse_array` can be read without further tests.
// Threads: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/types.hpp"
#include "data/zarr/codecs.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

inline constexpr std::size_t kRankMax = 8;

enum class Order { c, f };

struct ArrayMetadata {
  std::vector<std::int64_t> shape;  // each >= 1
  std::vector<std::int64_t> chunk;  // each >= 1
  DType dtype{DType::u8};
  bool swapped{false};  // bytes are not in this machine's order
  Order order{Order::c};
  char separator{'.'};
  std::vector<std::byte> fill;  // one voxel, native byte order
  Codec codec;
  std::size_t chunk_bytes{0};  // decoded, at most kChunkBytesMax
};

// `name` is the file, for messages.
[[nodiscard]] gstx::Result<ArrayMetadata> parse_array(std::string_view json, std::string_view name);

// Key of a chunk inside its array: "1.0.2" or "1/0/2".
[[nodiscard]] std::string chunk_key(const ArrayMetadata& array,
                                    const std::vector<std::int64_t>& chunk_index);

}  // namespace napari::data::zarr
