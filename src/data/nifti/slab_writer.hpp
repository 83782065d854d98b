// Level 0 of a conversion: slabs of the file's slowest axis, turned into the chunks of the output. Threads: as ArrayWriter's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/nifti/nifti_header.hpp"
#include "data/zarr/array_writer.hpp"
#include "gstx/result.hpp"

namespace napari::data::nifti {

// What a value becomes: float32 where the header scales it, itself otherwise.
[[nodiscard]] DType output_dtype(const Header& header);

// Planes [first, first + count) of the file's slowest axis, as stored.
struct Slab {
  std::int64_t frame{0};
  std::int64_t first{0};
  std::int64_t count{0};
  std::span<std::byte> voxels;
};

class SlabWriter {
 public:
  SlabWriter(const Header& header, const Orientation& orientation, const zarr::ArrayWriter& to)
      : header_(header), orientation_(orientation), to_(to) {}

  // First plane and count of every slab of a frame: each one covers whole chunks of the output.
  [[nodiscard]] std::vector<Slab> plan() const;

  // The part of the output that a slab fills.
  [[nodiscard]] Region covered(const Slab& slab) const;

  // Writes the chunk that `part` (from splitting `covered` by chunks) is.
  [[nodiscard]] gstx::Result<void> write(const Slab& slab, const Region& part) const;

 private:
  const Header& header_;
  const Orientation& orientation_;
  const zarr::ArrayWriter& to_;
};

}  // namespace napari::data::nifti
