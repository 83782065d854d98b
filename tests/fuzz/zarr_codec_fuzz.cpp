// libFuzzer: encoded chunks. The first bytes choose the codec, the decoded size and a range; the rest is the chunk. The memory is
// exactly as large as was asked for, so that a sanitizer sees every byte beyond.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "data/zarr/codecs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace napari::data::zarr;
  constexpr std::size_t kChoice = 7;
  if (size < kChoice) return 0;
  const auto kind = static_cast<CodecKind>(data[0] % 6);
  const std::size_t chunk =
      1 + (static_cast<std::size_t>(data[1]) | static_cast<std::size_t>(data[2]) << 8U);
  const std::size_t offset =
      (static_cast<std::size_t>(data[3]) | static_cast<std::size_t>(data[4]) << 8U) % chunk;
  const std::size_t count =
      1 + (static_cast<std::size_t>(data[5]) | static_cast<std::size_t>(data[6]) << 8U) %
              (chunk - offset);
  // A copy of its own size: reads beyond the chunk are seen, too.
  const std::size_t encoded_size = size - kChoice;
  const auto encoded = std::make_unique<std::byte[]>(encoded_size);
  std::memcpy(encoded.get(), data + kChoice, encoded_size);
  const std::span<const std::byte> input(encoded.get(), encoded_size);

  const auto whole = std::make_unique<std::byte[]>(chunk);
  const bool decoded = decode(kind, input, {whole.get(), chunk}).has_value();
  if (!decodes_ranges(kind)) return 0;
  const auto range = std::make_unique<std::byte[]>(count);
  const bool ranged = decode_range(kind, input, chunk, offset, {range.get(), count}).has_value();
  if (decoded && ranged && std::memcmp(whole.get() + offset, range.get(), count) != 0) std::abort();
  return 0;
}
