#include "data/zarr/box_copy.hpp"

#include <algorithm>
#include <cstring>

namespace napari::data::zarr {

namespace {

// Calls `row(from offset, to offset)`, in voxels, for every position of all axes but the last.
template <typename Row>
void for_each_row(std::span<const std::int64_t> shape, const Strides& from, const Strides& to,
                  const Row& row) {
  const std::size_t outer = shape.size() - 1;
  std::vector<std::int64_t> index(outer, 0);
  std::int64_t from_offset = 0;
  std::int64_t to_offset = 0;
  for (;;) {
    row(from_offset, to_offset);
    std::size_t axis = outer;
    for (;;) {
      if (axis == 0) return;
      --axis;
      from_offset += from[axis];
      to_offset += to[axis];
      if (++index[axis] < shape[axis]) break;
      from_offset -= from[axis] * shape[axis];
      to_offset -= to[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

template <typename T>
void copy_strided(const std::byte* from, std::int64_t from_step, std::byte* to,
                  std::int64_t to_step, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * to_step * static_cast<std::int64_t>(sizeof(T)),
                from + i * from_step * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  }
}

using CopyRow = void (*)(const std::byte*, std::int64_t, std::byte*, std::int64_t, std::int64_t);

CopyRow copy_row_of(std::size_t item) {
  switch (item) {
    case 1:
      return copy_strided<std::uint8_t>;
    case 2:
      return copy_strided<std::uint16_t>;
    case 4:
      return copy_strided<std::uint32_t>;
    default:
      return copy_strided<std::uint64_t>;
  }
}

template <typename T>
void fill_row(std::byte* to, std::int64_t step, std::int64_t count, const std::byte* fill) {
  T value;
  std::memcpy(&value, fill, sizeof value);
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * step * static_cast<std::int64_t>(sizeof(T)), &value, sizeof value);
  }
}

using FillRow = void (*)(std::byte*, std::int64_t, std::int64_t, const std::byte*);

FillRow fill_row_of(std::size_t item) {
  switch (item) {
    case 1:
      return fill_row<std::uint8_t>;
    case 2:
      return fill_row<std::uint16_t>;
    case 4:
      return fill_row<std::uint32_t>;
    default:
      return fill_row<std::uint64_t>;
  }
}

template <typename T, T (*Swap)(T)>
void swap_all(std::span<std::byte> voxels) {
  for (std::size_t at = 0; at + sizeof(T) <= voxels.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, voxels.data() + at, sizeof value);
    value = Swap(value);
    std::memcpy(voxels.data() + at, &value, sizeof value);
  }
}

std::uint16_t swap16(std::uint16_t value) { return __builtin_bswap16(value); }
std::uint32_t swap32(std::uint32_t value) { return __builtin_bswap32(value); }
std::uint64_t swap64(std::uint64_t value) { return __builtin_bswap64(value); }

}  // namespace

Strides c_strides(std::span<const std::int64_t> shape) {
  Strides strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * shape[axis];
  }
  return strides;
}

Strides f_strides(std::span<const std::int64_t> shape) {
  Strides strides(shape.size(), 1);
  for (std::size_t axis = 1; axis < shape.size(); ++axis) {
    strides[axis] = strides[axis - 1] * shape[axis - 1];
  }
  return strides;
}

void copy_box(const BoxCopy& copy) {
  const auto item = static_cast<std::int64_t>(copy.item);
  const std::int64_t count = copy.shape.back();
  const std::int64_t from_step = copy.from_strides.back();
  const std::int64_t to_step = copy.to_strides.back();
  const CopyRow copy_row = copy_row_of(copy.item);
  const bool plain = from_step == 1 && to_step == 1;
  for_each_row(copy.shape, copy.from_strides, copy.to_strides,
               [&](std::int64_t from_offset, std::int64_t to_offset) {
                 const std::byte* from = copy.from + from_offset * item;
                 std::byte* to = copy.to + to_offset * item;
                 if (plain) {
                   std::memcpy(to, from, static_cast<std::size_t>(count * item));
                 } else {
                   copy_row(from, from_step, to, to_step, count);
                 }
               });
}

void fill_box(std::span<const std::byte> fill, std::byte* to, const Strides& to_strides,
              std::span<const std::int64_t> shape) {
  const auto item = static_cast<std::int64_t>(fill.size());
  const FillRow fill_one = fill_row_of(fill.size());
  for_each_row(shape, to_strides, to_strides, [&](std::int64_t, std::int64_t offset) {
    fill_one(to + offset * item, to_strides.back(), shape.back(), fill.data());
  });
}

void swap_bytes(std::span<std::byte> voxels, std::size_t item) {
  if (item == 2) swap_all<std::uint16_t, swap16>(voxels);
  if (item == 4) swap_all<std::uint32_t, swap32>(voxels);
  if (item == 8) swap_all<std::uint64_t, swap64>(voxels);
}

}  // namespace napari::data::zarr
