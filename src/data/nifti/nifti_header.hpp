// The header of a NIfTI-1 file (.nii), checked. Knows nothing of voxels. Threads: any (values).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/types.hpp"
#include "gstx/result.hpp"

namespace napari::data::nifti {

inline constexpr std::size_t kHeaderBytes = 348;

using Affine =
    std::array<std::array<double, 4>, 3>;  // rows x, y, z (RAS+, mm); columns i, j, k, offset

struct Header {
  DType dtype{DType::u8};
  bool swapped{false};                         // the file is in the other byte order
  std::array<std::int64_t, 3> shape{1, 1, 1};  // i, j, k: the first runs fastest in the file
  std::int64_t frames{1};                      // the 4th dimension
  bool has_frames{false};
  std::size_t voxels_offset{352};  // in the (uncompressed) file
  double slope{1};                 // value = slope * stored + inter
  double inter{0};
  Affine affine{};
  std::string affine_source;               // "sform", "qform" or "pixdim"
  std::array<double, 3> spacing{1, 1, 1};  // along i, j, k, > 0
  double frame_step{1};                    // > 0
  std::string space_unit;                  // as NGFF writes it
  std::string time_unit;                   // the same; empty: not stated

  [[nodiscard]] bool is_scaled() const { return slope != 1 || inter != 0; }
};

[[nodiscard]] gstx::Result<Header> parse_header(std::span<const std::byte, kHeaderBytes> bytes);

// How file axes become z, y, x. Where the affine is a permutation with flips (within 1e-3 of the spacing), the voxels are put in
// the order in which world x, y, z (right, anterior, superior) ascend. Otherwise they stay as stored (z = k, y = j, x = i).
struct Orientation {
  bool aligned{false};
  std::array<int, 3> source{2, 1, 0};                // of z, y, x: the file's axis
  std::array<bool, 3> flipped{false, false, false};  // of z, y, x
  std::array<double, 3> scale{1, 1, 1};              // z, y, x
  std::array<double, 3> translation{0, 0, 0};        // z, y, x; 0 where not aligned
};
[[nodiscard]] Orientation orient(const Header& header);

}  // namespace napari::data::nifti
