// Reads a box of one Zarr array: finds the chunks, decodes the wanted part, puts it where it belongs. Missing chunks are the fill
// value. Runs in the calling thread. Threads: any number at once; owns a share of the store.
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <string>

#include "data/types.hpp"
#include "data/zarr/metadata.hpp"
#include "data/zarr/store.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

class ArrayReader {
 public:
  // `path` is the array's key in the store; empty: the store's root.
  ArrayReader(StorePtr store, std::string path, ArrayMetadata metadata);

  // Reads and checks the .zarray; `not_found` where there is none.
  [[nodiscard]] static gstx::Result<ArrayReader> open(StorePtr store, std::string path,
                                                      std::stop_token stop);

  [[nodiscard]] const ArrayMetadata& metadata() const { return metadata_; }

  // As ImageSource::read: C order, native byte order, exactly the region's bytes.
  [[nodiscard]] gstx::Result<void> read(const Region& region, std::span<std::byte> out,
                                        const std::stop_token& stop) const;

 private:
  struct Scratch;
  [[nodiscard]] gstx::Result<void> read_chunk(const Region& part, const Region& region,
                                              std::span<std::byte> out, Scratch& scratch,
                                              const std::stop_token& stop) const;

  StorePtr store_;
  std::string path_;
  ArrayMetadata metadata_;
  std::vector<std::int64_t> chunk_strides_;  // in voxels, in the chunk's own order
};

}  // namespace napari::data::zarr
