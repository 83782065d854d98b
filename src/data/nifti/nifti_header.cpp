#include "data/nifti/nifti_header.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <type_traits>

#include <fmt/format.h>

namespace napari::data::nifti {

namespace {

using gstx::ErrorCode;

// Reads fields at their offsets in the file, in its byte order.
class Fields {
 public:
  Fields(std::span<const std::byte, kHeaderBytes> bytes, bool swapped)
      : bytes_(bytes), swapped_(swapped) {}

  template <typename T>
  [[nodiscard]] T at(std::size_t offset) const {
    std::array<std::byte, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  [[nodiscard]] double real(std::size_t offset) const { return at<float>(offset); }

 private:
  std::span<const std::byte, kHeaderBytes> bytes_;
  bool swapped_;
};

constexpr std::size_t kDim = 40;
constexpr std::size_t kDatatype = 70;
constexpr std::size_t kPixdim = 76;
constexpr std::size_t kVoxOffset = 108;
constexpr std::size_t kSlope = 112;
constexpr std::size_t kInter = 116;
constexpr std::size_t kUnits = 123;
constexpr std::size_t kQformCode = 252;
constexpr std::size_t kSformCode = 254;
constexpr std::size_t kQuaternion = 256;
constexpr std::size_t kQoffset = 268;
constexpr std::size_t kSrow = 280;
constexpr std::size_t kMagic = 344;

std::optional<DType> dtype_of(int code) {
  switch (code) {
    case 2:
      return DType::u8;
    case 4:
      return DType::i16;
    case 8:
      return DType::i32;
    case 16:
      return DType::f32;
    case 64:
      return DType::f64;
    case 256:
      return DType::i8;
    case 512:
      return DType::u16;
    case 768:
      return DType::u32;
    default:
      return std::nullopt;
  }
}

gstx::Result<void> parse_shape(const Fields& fields, Header& header) {
  const int rank = fields.at<std::int16_t>(kDim);
  if (rank < 2 || rank > 7) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("the header states {} dimensions, not 2 to 7", rank));
  }
  for (int axis = 0; axis < rank; ++axis) {
    const int extent = fields.at<std::int16_t>(kDim + 2 * static_cast<std::size_t>(axis + 1));
    if (extent < 1) {
      return gstx::fail(ErrorCode::invalid_argument,
                        fmt::format("dimension {} has the extent {}", axis + 1, extent));
    }
    if (axis < 3) header.shape[static_cast<std::size_t>(axis)] = extent;
    if (axis == 3) header.frames = extent;
    if (axis > 3 && extent > 1) {
      return gstx::fail(ErrorCode::unsupported,
                        fmt::format("dimension {} has the extent {}; vectors and other data beyond "
                                    "time are not supported",
                                    axis + 1, extent));
    }
  }
  header.has_frames = header.frames > 1;
  return {};
}

void parse_units(const Fields& fields, Header& header) {
  const int units = fields.at<std::uint8_t>(kUnits);
  switch (units & 0x07) {
    case 1:
      header.space_unit = "meter";
      break;
    case 3:
      header.space_unit = "micrometer";
      break;
    default:  // what the format means where a file says nothing
      header.space_unit = "millimeter";
      break;
  }
  switch (units & 0x38) {
    case 8:
      header.time_unit = "second";
      break;
    case 16:
      header.time_unit = "millisecond";
      break;
    case 24:
      header.time_unit = "microsecond";
      break;
    default:
      break;
  }
}

void parse_spacing(const Fields& fields, Header& header) {
  const auto positive = [&](std::size_t index) {
    const double value = std::abs(fields.real(kPixdim + 4 * index));
    return std::isfinite(value) && value > 0 ? value : 1.0;
  };
  for (std::size_t axis = 0; axis < 3; ++axis) header.spacing[axis] = positive(axis + 1);
  header.frame_step = positive(4);
}

Affine sform(const Fields& fields) {
  Affine affine;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      affine[row][column] = fields.real(kSrow + 16 * row + 4 * column);
    }
  }
  return affine;
}

// The rotation that a unit quaternion (a, b, c, d) stands for, times the spacing; the third column takes qfac's sign.
Affine qform(const Fields& fields, const std::array<double, 3>& spacing) {
  const double b = fields.real(kQuaternion);
  const double c = fields.real(kQuaternion + 4);
  const double d = fields.real(kQuaternion + 8);
  const double a = std::sqrt(std::max(0.0, 1 - (b * b + c * c + d * d)));
  const double qfac = fields.real(kPixdim) < 0 ? -1 : 1;
  const std::array<std::array<double, 3>, 3> rotation{
      {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
       {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
       {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}}};
  Affine affine;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      affine[row][column] = rotation[row][column] * spacing[column] * (column == 2 ? qfac : 1.0);
    }
    affine[row][3] = fields.real(kQoffset + 4 * row);
  }
  return affine;
}

Affine diagonal(const std::array<double, 3>& spacing) {
  Affine affine{};
  for (std::size_t axis = 0; axis < 3; ++axis) affine[axis][axis] = spacing[axis];
  return affine;
}

// Finite, and no axis of length 0.
bool is_usable(const Affine& affine) {
  for (std::size_t column = 0; column < 4; ++column) {
    double length = 0;
    for (const auto& row : affine) {
      if (!std::isfinite(row[column])) return false;
      length += row[column] * row[column];
    }
    if (column < 3 && !(length > 0)) return false;
  }
  return true;
}

void parse_affine(const Fields& fields, Header& header) {
  if (fields.at<std::int16_t>(kSformCode) > 0) {
    header.affine = sform(fields);
    header.affine_source = "sform";
    if (is_usable(header.affine)) return;
  }
  if (fields.at<std::int16_t>(kQformCode) > 0) {
    header.affine = qform(fields, header.spacing);
    header.affine_source = "qform";
    if (is_usable(header.affine)) return;
  }
  header.affine = diagonal(header.spacing);
  header.affine_source = "pixdim";
}

gstx::Result<bool> byte_order(std::span<const std::byte, kHeaderBytes> bytes) {
  constexpr std::int32_t kNifti1 = 348;
  constexpr std::int32_t kNifti2 = 540;
  for (const bool swapped : {false, true}) {
    const auto size = Fields(bytes, swapped).at<std::int32_t>(0);
    if (size == kNifti1) return swapped;
    if (size == kNifti2) {
      return gstx::fail(ErrorCode::unsupported, "NIfTI-2 is not supported; NIfTI-1 is");
    }
  }
  return gstx::fail(ErrorCode::invalid_argument, "not a NIfTI file (no header of 348 bytes)");
}

}  // namespace

gstx::Result<Header> parse_header(std::span<const std::byte, kHeaderBytes> bytes) {
  GSTX_ASSIGN_OR_RETURN(const bool swapped, byte_order(bytes));
  const Fields fields(bytes, swapped);
  Header header;
  header.swapped = swapped;
  if (std::memcmp(bytes.data() + kMagic, "n+1", 4) != 0) {
    return gstx::fail(ErrorCode::unsupported,
                      "not a single-file NIfTI-1 (no magic 'n+1'; pairs of .hdr and .img are not "
                      "supported)");
  }
  const int code = fields.at<std::int16_t>(kDatatype);
  const auto dtype = dtype_of(code);
  if (!dtype) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("the data type {} is not supported; integers of 8 to 32 bits and "
                                  "real numbers are",
                                  code));
  }
  header.dtype = *dtype;
  GSTX_TRY(parse_shape(fields, header));
  const double offset = fields.real(kVoxOffset);
  if (!(offset >= kHeaderBytes && offset < 0x1p30)) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("the voxels begin at {}, inside the header or far away", offset));
  }
  header.voxels_offset = static_cast<std::size_t>(offset);
  const double slope = fields.real(kSlope);
  const double inter = fields.real(kInter);
  if (std::isfinite(slope) && slope != 0) {  // 0 and NaN both mean: not scaled
    header.slope = slope;
    header.inter = std::isfinite(inter) ? inter : 0;
  }
  parse_spacing(fields, header);
  parse_units(fields, header);
  parse_affine(fields, header);
  return header;
}

Orientation orient(const Header& header) {
  Orientation result;
  constexpr double kTolerance = 1e-3;
  std::array<int, 3> column_of_row{-1, -1, -1};
  bool aligned = true;
  for (std::size_t column = 0; column < 3; ++column) {
    std::size_t largest = 0;
    double length = 0;
    for (std::size_t row = 0; row < 3; ++row) {
      const double value = std::abs(header.affine[row][column]);
      length = std::hypot(length, value);
      if (value > std::abs(header.affine[largest][column])) largest = row;
    }
    for (std::size_t row = 0; row < 3; ++row) {
      if (row != largest && std::abs(header.affine[row][column]) > kTolerance * length)
        aligned = false;
    }
    if (column_of_row[largest] >= 0) aligned = false;
    column_of_row[largest] = static_cast<int>(column);
    result.scale[2 - column] = length;
  }
  result.aligned = aligned;
  if (!aligned) return result;
  for (std::size_t out = 0; out < 3; ++out) {  // z, y, x
    const std::size_t row = 2 - out;
    const auto column = static_cast<std::size_t>(column_of_row[row]);
    const double step = header.affine[row][column];
    const auto last = static_cast<double>(header.shape[column] - 1);
    result.source[out] = static_cast<int>(column);
    result.flipped[out] = step < 0;
    result.scale[out] = std::abs(step);
    result.translation[out] = header.affine[row][3] + (step < 0 ? step * last : 0);
  }
  return result;
}

}  // namespace napari::data::nifti
