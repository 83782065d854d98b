// NIfTI-1 (.nii, .nii.gz) to a multiscale OME-Zarr 0.4.
//   axes         z, y, x, with t in front where there are several frames. Where the affine (sform, else qform, else pixdim) is a
//                permutation with flips, voxels are reordered so that x runs to the right, y to the front and z up; scale and
//                translation then say what the affine says. Otherwise voxels stay as stored, scale is the spacing, translation
//                0. The affine is kept in .zattrs in both cases.
//   values       as stored; with scl_slope and scl_inter applied, as float32 (float64 stays)
//   memory       one slab of 64 planes as stored (fewer where that would exceed the budget), and a few chunks a thread
// Blocks; runs on a thread of the caller's and `threads - 1` more.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "data/zarr/array_writer.hpp"
#include "gstx/result.hpp"

namespace napari::data {

enum class Overwrite { no, yes };

struct ConvertOptions {
  Overwrite overwrite{Overwrite::no};
  std::int64_t chunk_edge{64};         // 8..256
  std::int64_t memory_bytes{1 << 30};  // for the slab
  int threads{0};                      // 0: the cores this process may use
  zarr::WriteOptions codec;
  std::stop_token stop;
};

// `out` appears under its name when it is complete, and not at all when this fails. `progress` gets 0..1, never falling, from
// any of the threads, one call at a time.
[[nodiscard]] gstx::Result<void> convert_nifti(const std::string& in, const std::string& out,
                                               const ConvertOptions& options,
                                               const std::function<void(double)>& progress);

}  // namespace napari::data
