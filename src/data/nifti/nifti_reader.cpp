#include "data/nifti/nifti_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace napari::data::nifti {

gstx::Result<Reader> Reader::open(const std::string& path) {
  using gstx::ErrorCode;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return gstx::fail(ErrorCode::not_found, fmt::format("{} does not exist", path));
  }
  if (error || status.type() != std::filesystem::file_type::regular) {
    return gstx::fail(ErrorCode::invalid_argument, fmt::format("{} is no file", path));
  }
  Reader reader;
  reader.path_ = path;
  reader.file_.reset(gzopen(path.c_str(), "rbe"));  // reads an uncompressed file as it is
  if (!reader.file_) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  gzbuffer(reader.file_.get(), 1 << 18);
  std::array<std::byte, kHeaderBytes> bytes;
  GSTX_TRY(reader.read(bytes));
  auto header = parse_header(bytes);
  if (!header) {
    return gstx::fail(header.error().code, fmt::format("{}: {}", path, header.error().message));
  }
  reader.header_ = *header;
  std::vector<std::byte> skipped(std::size_t{1} << 16);
  for (std::size_t rest = reader.header_.voxels_offset - kHeaderBytes; rest > 0;) {
    const std::size_t count = std::min(rest, skipped.size());
    GSTX_TRY(reader.read(std::span(skipped).first(count)));
    rest -= count;
  }
  return reader;
}

gstx::Result<void> Reader::read(std::span<std::byte> out) {
  constexpr std::size_t kPieceBytes = 64 << 20;  // gzread counts in int
  while (!out.empty()) {
    const auto wanted = static_cast<unsigned>(std::min(out.size(), kPieceBytes));
    const int count = gzread(file_.get(), out.data(), wanted);
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    if (count < 0 || (count == 0 && code != Z_OK)) {
      return gstx::fail(
          gstx::ErrorCode::invalid_argument,
          fmt::format("cannot read {}: {}", path_, code == Z_ERRNO ? std::strerror(errno) : text));
    }
    if (count == 0) {
      return gstx::fail(
          gstx::ErrorCode::invalid_argument,
          fmt::format("{} is cut off: {} more bytes should follow", path_, out.size()));
    }
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace napari::data::nifti
