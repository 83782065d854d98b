// Compressors of Zarr chunks, every one from a library. A chunk is untrusted input: its decoded size is checked against what
// the array says before and after decoding. Threads: any; no global state (blosc's context functions only).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "data/zarr/json.hpp"
#include "gstx/result.hpp"

namespace napari::data::zarr {

enum class CodecKind { none, zlib, gzip, zstd, lz4, blosc };

struct Codec {
  CodecKind kind{CodecKind::none};
  std::string text{"none"};  // for people: "blosc(lz4, shuffle)"
};

// Largest decoded chunk; blosc counts in int.
inline constexpr std::size_t kChunkBytesMax = (std::size_t{1} << 31) - 4096;

// Bytes that an encoded chunk of `decoded_bytes` may have at most, whatever the codec.
[[nodiscard]] constexpr std::size_t encoded_bytes_max(std::size_t decoded_bytes) {
  return decoded_bytes + decoded_bytes / 8 + 65536;
}

// The `compressor` object of a .zarray; null means none.
[[nodiscard]] gstx::Result<Codec> parse_codec(JsonObject* compressor);

// Fills `out` with the whole chunk; an encoded chunk of any other size is an error.
[[nodiscard]] gstx::Result<void> decode(CodecKind kind, std::span<const std::byte> encoded,
                                        std::span<std::byte> out);

// True where `decode_range` is cheaper than `decode`.
[[nodiscard]] constexpr bool decodes_ranges(CodecKind kind) {
  return kind == CodecKind::none || kind == CodecKind::blosc;
}

// Fills `out` with the bytes from `offset` on, of a chunk of `chunk_bytes`.
[[nodiscard]] gstx::Result<void> decode_range(CodecKind kind, std::span<const std::byte> encoded,
                                              std::size_t chunk_bytes, std::size_t offset,
                                              std::span<std::byte> out);

}  // namespace napari::data::zarr
