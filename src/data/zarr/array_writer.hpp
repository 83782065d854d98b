// Writes one Zarr v2 array into a folder: C order, '/' keys, native byte order, blosc. For conversions; not for arrays that
// somebody reads meanwhile. Threads: `write_chunk` from any number at once (different chunks).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/types.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

struct WriteOptions {
  std::string codec{
      "lz4"};  // blosc's inner codec: lz4 (decodes fastest), zstd (a quarter smaller), lz4hc, zlib, blosclz
  int level{5};  // 1..9
};

class ArrayWriter {
 public:
  // `folder` is made. Writes the .zarray.
  [[nodiscard]] static gstx::Result<ArrayWriter> create(std::string folder, DType dtype,
                                                        std::vector<std::int64_t> shape,
                                                        std::vector<std::int64_t> chunk,
                                                        WriteOptions options);

  [[nodiscard]] const std::vector<std::int64_t>& shape() const { return shape_; }
  [[nodiscard]] const std::vector<std::int64_t>& chunk() const { return chunk_; }
  [[nodiscard]] DType dtype() const { return dtype_; }

  // `voxels` is the whole chunk, at the array's edge filled up with 0. A chunk of nothing but 0 is not stored.
  [[nodiscard]] gstx::Result<void> write_chunk(const std::vector<std::int64_t>& chunk_index,
                                               std::span<const std::byte> voxels) const;

 private:
  ArrayWriter() = default;
  std::string folder_;
  DType dtype_{DType::u8};
  std::vector<std::int64_t> shape_;
  std::vector<std::int64_t> chunk_;
  WriteOptions options_;
};

// Replaces the file. Its folder exists.
[[nodiscard]] gstx::Result<void> write_file(const std::string& path,
                                            std::span<const std::byte> bytes);

}  // namespace napari::data::zarr
