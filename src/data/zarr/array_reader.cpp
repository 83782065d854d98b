#include "data/zarr/array_reader.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "data/roi.hpp"
#include "data/zarr/box_copy.hpp"
#include "data/zarr/json.hpp"

namespace napari::data::zarr {

namespace {

// A range is worth decoding alone where it leaves out at least this share of the chunk.
constexpr std::size_t kRangeShare = 4;  // a quarter

// Where a chunk lies relative to what is wanted of it.
struct Placement {
  std::vector<std::int64_t> index;  // of the chunk in the grid
  std::int64_t first{0};            // voxel of the chunk where the wanted box begins
  std::int64_t count{0};            // voxels of the chunk up to the wanted box's last one
  std::int64_t out_offset{0};       // voxel of the output where it begins
  bool is_run{false};               // the box is one run of voxels, in the chunk and in the output
};

// `part` is the piece of `region` in one chunk.
Placement place_part(const Region& part, const Region& region, const ArrayMetadata& array,
                     const Strides& chunk_strides, const Strides& out_strides) {
  const std::size_t rank = part.start.size();
  Placement place{.index = std::vector<std::int64_t>(rank)};
  place.count = 1;
  std::int64_t out_count = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    place.index[axis] = part.start[axis] / array.chunk[axis];
    place.first += part.start[axis] % array.chunk[axis] * chunk_strides[axis];
    place.count += (part.shape[axis] - 1) * chunk_strides[axis];
    place.out_offset += (part.start[axis] - region.start[axis]) * out_strides[axis];
    out_count += (part.shape[axis] - 1) * out_strides[axis];
  }
  place.is_run = place.count == part.voxels() && out_count == place.count;
  return place;
}

}  // namespace

// Memory for one chunk, kept for the chunks of one read.
struct ArrayReader::Scratch {
  std::unique_ptr<std::byte[]> memory;
  std::size_t size{0};
  Strides out_strides;

  std::span<std::byte> take(std::size_t bytes) {
    if (bytes > size) {
      memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
      size = bytes;
    }
    return {memory.get(), bytes};
  }
};

ArrayReader::ArrayReader(StorePtr store, std::string path, ArrayMetadata metadata)
    : store_(std::move(store)), path_(std::move(path)), metadata_(std::move(metadata)) {
  chunk_strides_ =
      metadata_.order == Order::c ? c_strides(metadata_.chunk) : f_strides(metadata_.chunk);
}

gstx::Result<ArrayReader> ArrayReader::open(StorePtr store, std::string path,
                                            std::stop_token stop) {
  const std::string key = join_key(path, ".zarray");
  GSTX_ASSIGN_OR_RETURN(const auto bytes, store->get(key, kJsonBytesMax, std::move(stop)));
  if (!bytes) {
    return gstx::fail(gstx::ErrorCode::not_found,
                      fmt::format("{} does not exist", store->locate(key)));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  GSTX_ASSIGN_OR_RETURN(auto metadata, parse_array(text, store->locate(key)));
  return ArrayReader(std::move(store), std::move(path), std::move(metadata));
}

gstx::Result<void> ArrayReader::read(const Region& region, std::span<std::byte> out,
                                     const std::stop_token& stop) const {
  const std::size_t rank = metadata_.shape.size();
  if (region.start.size() != rank || region.shape.size() != rank || is_empty(region) ||
      clamp(region, metadata_.shape) != region) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("a region outside of the array {}", store_->locate(path_)));
  }
  if (static_cast<std::int64_t>(out.size()) != region_bytes(region, metadata_.dtype)) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("{} bytes of memory for a region of {}", out.size(),
                                  region_bytes(region, metadata_.dtype)));
  }
  Scratch scratch;
  scratch.out_strides = c_strides(region.shape);
  for (const Region& part : split_by_chunks(region, metadata_.chunk)) {
    if (stop.stop_requested()) return cancelled();
    GSTX_TRY(read_chunk(part, region, out, scratch, stop));
  }
  if (metadata_.swapped) swap_bytes(out, byte_size(metadata_.dtype));
  return {};
}

gstx::Result<void> ArrayReader::read_chunk(const Region& part, const Region& region,
                                           std::span<std::byte> out, Scratch& scratch,
                                           const std::stop_token& stop) const {
  const std::size_t item = byte_size(metadata_.dtype);
  const Placement place = place_part(part, region, metadata_, chunk_strides_, scratch.out_strides);
  std::byte* const to = out.data() + static_cast<std::size_t>(place.out_offset) * item;

  const std::string key = join_key(path_, chunk_key(metadata_, place.index));
  GSTX_ASSIGN_OR_RETURN(const auto encoded,
                        store_->get(key, encoded_bytes_max(metadata_.chunk_bytes), stop));
  if (!encoded) {
    std::vector<std::byte> fill = metadata_.fill;
    if (metadata_.swapped) std::reverse(fill.begin(), fill.end());  // `read` swaps all at its end
    fill_box(fill, to, scratch.out_strides, part.shape);
    return {};
  }

  const CodecKind kind = metadata_.codec.kind;
  const auto run_bytes = static_cast<std::size_t>(place.count) * item;
  const bool in_place = metadata_.order == Order::c && place.is_run;
  const bool ranged = decodes_ranges(kind) &&
                      run_bytes <= metadata_.chunk_bytes - metadata_.chunk_bytes / kRangeShare;
  const bool direct = in_place && (ranged || run_bytes == metadata_.chunk_bytes);
  const auto target =
      direct ? std::span(to, run_bytes) : scratch.take(ranged ? run_bytes : metadata_.chunk_bytes);
  const auto decoded = ranged ? decode_range(kind, *encoded, metadata_.chunk_bytes,
                                             static_cast<std::size_t>(place.first) * item, target)
                              : decode(kind, *encoded, target);
  if (!decoded) {
    return gstx::fail(decoded.error().code,
                      fmt::format("the chunk {} cannot be read: {}", store_->locate(key),
                                  decoded.error().message));
  }
  if (direct) return {};
  const std::byte* from =
      target.data() + (ranged ? 0 : static_cast<std::size_t>(place.first) * item);
  copy_box({from, chunk_strides_, to, scratch.out_strides, part.shape, item});
  return {};
}

}  // namespace napari::data::zarr
