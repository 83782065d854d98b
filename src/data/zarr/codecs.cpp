#include "data/zarr/codecs.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include <blosc.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

namespace napari::data::zarr {

namespace {

using Encoded = std::span<const std::byte>;
using Decoded = std::span<std::byte>;

tl::unexpected<gstx::Error> corrupt(std::string why) {
  return gstx::fail(gstx::ErrorCode::invalid_argument, std::move(why));
}

tl::unexpected<gstx::Error> wrong_size(std::size_t found, std::size_t wanted) {
  return corrupt(fmt::format("holds {} bytes where the array needs {}", found, wanted));
}

gstx::Result<void> decode_raw(Encoded encoded, std::size_t chunk_bytes, std::size_t offset,
                              Decoded out) {
  if (encoded.size() != chunk_bytes) return wrong_size(encoded.size(), chunk_bytes);
  std::memcpy(out.data(), encoded.data() + offset, out.size());
  return {};
}

gstx::Result<void> decode_deflate(CodecKind kind, Encoded encoded, Decoded out) {
  struct Free {
    void operator()(libdeflate_decompressor* pointer) const {
      libdeflate_free_decompressor(pointer);
    }
  };
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> decompressor(
      libdeflate_alloc_decompressor());
  if (!decompressor) return gstx::fail(gstx::ErrorCode::unavailable, "out of memory");
  const auto run =
      kind == CodecKind::zlib ? libdeflate_zlib_decompress_ex : libdeflate_gzip_decompress_ex;
  std::size_t consumed = 0;
  std::size_t produced = 0;
  const libdeflate_result result = run(decompressor.get(), encoded.data(), encoded.size(),
                                       out.data(), out.size(), &consumed, &produced);
  if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
    return corrupt(fmt::format("holds more than the {} bytes that the array needs", out.size()));
  }
  if (result != LIBDEFLATE_SUCCESS) return corrupt("the compressed data is damaged");
  if (produced != out.size()) return wrong_size(produced, out.size());
  if (consumed != encoded.size()) return corrupt("there are bytes after the compressed data");
  return {};
}

gstx::Result<void> decode_zstd(Encoded encoded, Decoded out) {
  struct Free {
    void operator()(ZSTD_DCtx* pointer) const { ZSTD_freeDCtx(pointer); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context) return gstx::fail(gstx::ErrorCode::unavailable, "out of memory");
  const std::size_t size =
      ZSTD_decompressDCtx(context.get(), out.data(), out.size(), encoded.data(), encoded.size());
  if (ZSTD_isError(size) != 0) {
    return corrupt(fmt::format("the compressed data is damaged ({})", ZSTD_getErrorName(size)));
  }
  if (size != out.size()) return wrong_size(size, out.size());
  return {};
}

// numcodecs puts the decoded size before the block, 4 bytes, little endian.
gstx::Result<void> decode_lz4(Encoded encoded, Decoded out) {
  constexpr std::size_t kHeader = 4;
  if (encoded.size() < kHeader) return corrupt("it is cut off");
  std::uint32_t size = 0;
  for (std::size_t i = kHeader; i-- > 0;)
    size = size << 8U | std::to_integer<std::uint32_t>(encoded[i]);
  if (size != out.size()) return wrong_size(size, out.size());
  const int written = LZ4_decompress_safe(
      reinterpret_cast<const char*>(encoded.data() + kHeader), reinterpret_cast<char*>(out.data()),
      static_cast<int>(encoded.size() - kHeader), static_cast<int>(out.size()));
  if (written < 0 || static_cast<std::size_t>(written) != out.size()) {
    return corrupt("the compressed data is damaged");
  }
  return {};
}

gstx::Result<void> check_blosc(Encoded encoded, std::size_t chunk_bytes) {
  std::size_t size = 0;
  if (encoded.size() < BLOSC_MIN_HEADER_LENGTH) return corrupt("it is cut off");
  if (blosc_cbuffer_validate(encoded.data(), encoded.size(), &size) != 0) {
    return corrupt("it is no valid blosc buffer");
  }
  if (size != chunk_bytes) return wrong_size(size, chunk_bytes);
  return {};
}

gstx::Result<void> decode_blosc(Encoded encoded, Decoded out) {
  GSTX_TRY(check_blosc(encoded, out.size()));
  const int written = blosc_decompress_ctx(encoded.data(), out.data(), out.size(), 1);
  if (written < 0 || static_cast<std::size_t>(written) != out.size()) {
    return corrupt("the compressed data is damaged");
  }
  return {};
}

gstx::Result<void> decode_blosc_range(Encoded encoded, std::size_t chunk_bytes, std::size_t offset,
                                      Decoded out) {
  GSTX_TRY(check_blosc(encoded, chunk_bytes));
  std::size_t item = 0;
  int flags = 0;
  blosc_cbuffer_metainfo(encoded.data(), &item, &flags);
  // The writer's item size need not be the array's: where the range does not fall on items, all is decoded.
  if (item == 0 || offset % item != 0 || out.size() % item != 0) {
    const auto whole = std::make_unique_for_overwrite<std::byte[]>(chunk_bytes);
    GSTX_TRY(decode_blosc(encoded, {whole.get(), chunk_bytes}));
    std::memcpy(out.data(), whole.get() + offset, out.size());
    return {};
  }
  const int written = blosc_getitem(encoded.data(), static_cast<int>(offset / item),
                                    static_cast<int>(out.size() / item), out.data());
  if (written < 0 || static_cast<std::size_t>(written) != out.size()) {
    return corrupt("the compressed data is damaged");
  }
  return {};
}

std::string blosc_text(JsonObject* compressor) {
  const std::string inner = as_string(member(compressor, "cname")).value_or("?");
  constexpr std::array<const char*, 3> kShuffles{"no shuffle", "shuffle", "bit shuffle"};
  const std::int64_t shuffle = as_integer(member(compressor, "shuffle")).value_or(1);
  if (shuffle < 0 || shuffle >= static_cast<std::int64_t>(kShuffles.size())) {
    return fmt::format("blosc({})", inner);
  }
  return fmt::format("blosc({}, {})", inner, kShuffles[static_cast<std::size_t>(shuffle)]);
}

}  // namespace

gstx::Result<Codec> parse_codec(JsonObject* compressor) {
  if (compressor == nullptr) return Codec{};
  const std::string id = as_string(member(compressor, "id")).value_or("");
  if (id == "zlib") return Codec{CodecKind::zlib, id};
  if (id == "gzip") return Codec{CodecKind::gzip, id};
  if (id == "zstd") return Codec{CodecKind::zstd, id};
  if (id == "lz4") return Codec{CodecKind::lz4, id};
  if (id == "blosc") return Codec{CodecKind::blosc, blosc_text(compressor)};
  return gstx::fail(gstx::ErrorCode::unsupported,
                    fmt::format("the compressor '{}' is not supported; blosc, zlib, gzip, zstd, "
                                "lz4 and none are",
                                id));
}

gstx::Result<void> decode(CodecKind kind, Encoded encoded, Decoded out) {
  switch (kind) {
    case CodecKind::none:
      return decode_raw(encoded, out.size(), 0, out);
    case CodecKind::zlib:
    case CodecKind::gzip:
      return decode_deflate(kind, encoded, out);
    case CodecKind::zstd:
      return decode_zstd(encoded, out);
    case CodecKind::lz4:
      return decode_lz4(encoded, out);
    case CodecKind::blosc:
      return decode_blosc(encoded, out);
  }
  return gstx::fail(gstx::ErrorCode::internal, "no such codec");
}

gstx::Result<void> decode_range(CodecKind kind, Encoded encoded, std::size_t chunk_bytes,
                                std::size_t offset, Decoded out) {
  if (out.size() > chunk_bytes || offset > chunk_bytes - out.size()) {
    return gstx::fail(gstx::ErrorCode::internal, "a range outside of its chunk");
  }
  if (kind == CodecKind::none) return decode_raw(encoded, chunk_bytes, offset, out);
  if (kind == CodecKind::blosc) return decode_blosc_range(encoded, chunk_bytes, offset, out);
  return gstx::fail(gstx::ErrorCode::internal, "this codec decodes whole chunks only");
}

}  // namespace napari::data::zarr
