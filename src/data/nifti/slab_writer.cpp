#include "data/nifti/slab_writer.hpp"

#include <algorithm>

#include "data/dispatch.hpp"
#include "data/roi.hpp"
#include "data/zarr/box_copy.hpp"

namespace napari::data::nifti {

namespace {

constexpr int kSlowest = 2;  // the file's axis k

template <typename From, typename To>
void scale_values(std::span<const std::byte> from, const Header& header, std::span<std::byte> to) {
  const auto* stored = reinterpret_cast<const From*>(from.data());
  auto* scaled = reinterpret_cast<To*>(to.data());
  for (std::size_t i = 0; i < from.size() / sizeof(From); ++i) {
    scaled[i] = static_cast<To>(header.slope * static_cast<double>(stored[i]) + header.inter);
  }
}

std::vector<std::byte> apply_scale(std::span<const std::byte> stored, const Header& header,
                                   DType dtype) {
  const std::size_t voxels = stored.size() / byte_size(header.dtype);
  std::vector<std::byte> scaled(voxels * byte_size(dtype));
  dispatch(header.dtype, [&]<typename From>() {
    if (dtype == DType::f64) {
      scale_values<From, double>(stored, header, scaled);
    } else {
      scale_values<From, float>(stored, header, scaled);
    }
  });
  return scaled;
}

// Axis of the output's z, y, x that the file's slowest axis became.
std::size_t slow_axis(const Orientation& orientation) {
  const auto found = std::find(orientation.source.begin(), orientation.source.end(), kSlowest);
  return static_cast<std::size_t>(found - orientation.source.begin());
}

}  // namespace

DType output_dtype(const Header& header) {
  if (!header.is_scaled()) return header.dtype;
  return header.dtype == DType::f64 ? DType::f64 : DType::f32;
}

std::vector<Slab> SlabWriter::plan() const {
  const std::size_t axis = slow_axis(orientation_);
  const std::size_t lead = to_.shape().size() - 3;
  const std::int64_t length = header_.shape[kSlowest];
  const std::int64_t chunk = to_.chunk()[lead + axis];
  std::vector<Slab> slabs;
  for (std::int64_t first = 0; first < length;) {
    // Flipped, the file begins with the output's last chunk, which may be a short one.
    std::int64_t count = chunk;
    if (orientation_.flipped[axis] && first == 0 && length % chunk != 0) count = length % chunk;
    count = std::min(count, length - first);
    slabs.push_back({.frame = 0, .first = first, .count = count, .voxels = {}});
    first += count;
  }
  return slabs;
}

Region SlabWriter::covered(const Slab& slab) const {
  Region region = whole(to_.shape());
  const std::size_t lead = region.start.size() - 3;
  const std::size_t axis = slow_axis(orientation_);
  region.start[lead + axis] =
      orientation_.flipped[axis] ? header_.shape[kSlowest] - slab.first - slab.count : slab.first;
  region.shape[lead + axis] = slab.count;
  if (lead > 0) {
    region.start[0] = slab.frame;
    region.shape[0] = 1;
  }
  return region;
}

gstx::Result<void> SlabWriter::write(const Slab& slab, const Region& part) const {
  const std::size_t lead = part.start.size() - 3;
  const std::size_t item = byte_size(header_.dtype);
  const std::array<std::int64_t, 3> file_strides{1, header_.shape[0],
                                                 header_.shape[0] * header_.shape[1]};
  std::int64_t offset = 0;
  zarr::Strides from_strides(3);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto source = static_cast<std::size_t>(orientation_.source[axis]);
    const std::int64_t start = part.start[lead + axis];
    const bool flipped = orientation_.flipped[axis];
    const std::int64_t index = flipped ? header_.shape[source] - 1 - start : start;
    offset += (index - (source == kSlowest ? slab.first : 0)) * file_strides[source];
    from_strides[axis] = flipped ? -file_strides[source] : file_strides[source];
  }
  const Region chunk = whole(to_.chunk());
  std::vector<std::byte> voxels(static_cast<std::size_t>(region_bytes(chunk, header_.dtype)));
  const zarr::Strides to_strides = zarr::c_strides(to_.chunk());
  const zarr::Strides to_space(to_strides.begin() + static_cast<std::ptrdiff_t>(lead),
                               to_strides.end());
  zarr::copy_box({slab.voxels.data() + offset * static_cast<std::int64_t>(item), from_strides,
                  voxels.data(), to_space, std::span(part.shape).subspan(lead), item});
  if (header_.swapped) zarr::swap_bytes(voxels, item);
  std::vector<std::int64_t> chunk_index(part.start.size());
  for (std::size_t axis = 0; axis < part.start.size(); ++axis) {
    chunk_index[axis] = part.start[axis] / to_.chunk()[axis];
  }
  if (!header_.is_scaled()) return to_.write_chunk(chunk_index, voxels);
  std::vector<std::byte> scaled = apply_scale(voxels, header_, to_.dtype());
  // Outside of the array the chunk holds 0, not the scaled 0: otherwise an empty chunk would not be recognised.
  if (part.shape != to_.chunk()) {
    std::vector<std::byte> cleared(scaled.size());
    zarr::copy_box({scaled.data(), to_strides, cleared.data(), to_strides, part.shape,
                    byte_size(to_.dtype())});
    scaled = std::move(cleared);
  }
  return to_.write_chunk(chunk_index, scaled);
}

}  // namespace napari::data::nifti
