#include "data/zarr/array_writer.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include <blosc.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace napari::data::zarr {

namespace {

using gstx::ErrorCode;

// Small enough that one plane of a 64^3 chunk is decoded without most of the others.
constexpr std::size_t kBlockBytes = 64 << 10;

std::string dtype_name(DType dtype) {
  const char order = byte_size(dtype) == 1                        ? '|'
                     : std::endian::native == std::endian::little ? '<'
                                                                  : '>';
  char kind = 'u';
  if (dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32) kind = 'i';
  if (dtype == DType::f32 || dtype == DType::f64) kind = 'f';
  return fmt::format("{}{}{}", order, kind, byte_size(dtype));
}

// Bits of single bytes compress better sorted by significance; wider values by bytes.
int shuffle_of(DType dtype) { return byte_size(dtype) == 1 ? BLOSC_BITSHUFFLE : BLOSC_SHUFFLE; }

std::string json_list(const std::vector<std::int64_t>& values) {
  std::string text;
  for (const std::int64_t value : values) {
    if (!text.empty()) text += ", ";
    text += std::to_string(value);
  }
  return text;
}

bool is_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes.front() == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

gstx::Result<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
  const auto failed = [&path] {
    return gstx::fail(errno == ENOSPC || errno == EDQUOT ? ErrorCode::unavailable
                                                         : ErrorCode::failed_precondition,
                      fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  };
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return failed();
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      auto error = failed();
      close(fd);
      return error;
    }
    done += static_cast<std::size_t>(count);
  }
  if (close(fd) != 0) return failed();
  return {};
}

gstx::Result<ArrayWriter> ArrayWriter::create(std::string folder, DType dtype,
                                              std::vector<std::int64_t> shape,
                                              std::vector<std::int64_t> chunk,
                                              WriteOptions options) {
  if (blosc_compname_to_compcode(options.codec.c_str()) < 0) {
    return gstx::fail(ErrorCode::invalid_argument,
                      fmt::format("blosc has no codec '{}' here; it has {}", options.codec,
                                  blosc_list_compressors()));
  }
  options.level = std::clamp(options.level, 1, 9);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("cannot make the folder {}: {}", folder, error.message()));
  }
  const std::string json = fmt::format(
      "{{\n  \"zarr_format\": 2,\n  \"shape\": [{}],\n  \"chunks\": [{}],\n  \"dtype\": \"{}\",\n"
      "  \"compressor\": {{\"id\": \"blosc\", \"cname\": \"{}\", \"clevel\": {}, \"shuffle\": {}, "
      "\"blocksize\": {}}},\n  \"fill_value\": 0,\n  \"order\": \"C\",\n  \"filters\": null,\n"
      "  \"dimension_separator\": \"/\"\n}}\n",
      json_list(shape), json_list(chunk), dtype_name(dtype), options.codec, options.level,
      shuffle_of(dtype), kBlockBytes);
  GSTX_TRY(write_file(folder + "/.zarray", std::as_bytes(std::span(json))));
  ArrayWriter writer;
  writer.folder_ = std::move(folder);
  writer.dtype_ = dtype;
  writer.shape_ = std::move(shape);
  writer.chunk_ = std::move(chunk);
  writer.options_ = std::move(options);
  return writer;
}

gstx::Result<void> ArrayWriter::write_chunk(const std::vector<std::int64_t>& chunk_index,
                                            std::span<const std::byte> voxels) const {
  if (is_zero(voxels)) return {};
  const std::size_t encoded_max = voxels.size() + BLOSC_MAX_OVERHEAD;
  const auto encoded = std::make_unique_for_overwrite<std::byte[]>(encoded_max);
  const int size = blosc_compress_ctx(options_.level, shuffle_of(dtype_), byte_size(dtype_),
                                      voxels.size(), voxels.data(), encoded.get(), encoded_max,
                                      options_.codec.c_str(), kBlockBytes, 1);
  if (size <= 0) {
    return gstx::fail(ErrorCode::internal, fmt::format("blosc failed with {}", size));
  }
  std::string path = folder_;
  for (std::size_t axis = 0; axis < chunk_index.size(); ++axis) {
    if (axis > 0) {
      std::error_code error;
      std::filesystem::create_directory(path, error);
      if (error) {
        return gstx::fail(ErrorCode::failed_precondition,
                          fmt::format("cannot make the folder {}: {}", path, error.message()));
      }
    }
    path += '/' + std::to_string(chunk_index[axis]);
  }
  return write_file(path, {encoded.get(), static_cast<std::size_t>(size)});
}

}  // namespace napari::data::zarr
