// Streams the voxels of a .nii or .nii.gz from its beginning to its end, a bounded piece at a time. Threads: one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <zlib.h>

#include "data/nifti/nifti_header.hpp"
#include "gstx/result.hpp"
#include "gstx/unique.hpp"

namespace napari::data::nifti {

class Reader {
 public:
  // Opens, checks the header and stands at the first voxel.
  [[nodiscard]] static gstx::Result<Reader> open(const std::string& path);

  [[nodiscard]] const Header& header() const { return header_; }

  // The next `out.size()` bytes, as stored. A file that ends before is an error.
  [[nodiscard]] gstx::Result<void> read(std::span<std::byte> out);

 private:
  Reader() = default;
  std::string path_;
  std::unique_ptr<gzFile_s, gstx::FreeWith<gzclose>> file_;
  Header header_;
};

}  // namespace napari::data::nifti
