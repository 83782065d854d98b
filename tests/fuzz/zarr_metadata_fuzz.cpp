// libFuzzer: .zarray and .zattrs that others wrote. What parses must be readable without surprises: the sizes that come out are
// used to allocate and to index.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "data/zarr/metadata.hpp"
#include "data/zarr/ngff.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace napari::data;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto array = zarr::parse_array(text, "fuzz")) {
    if (array->chunk_bytes == 0 || array->chunk_bytes > zarr::kChunkBytesMax ||
        array->fill.size() != byte_size(array->dtype) ||
        array->shape.size() != array->chunk.size()) {
      std::abort();
    }
  }
  if (const auto multiscale = zarr::parse_multiscale(text, "fuzz")) {
    if (multiscale->levels.empty()) std::abort();
    for (const auto& level : multiscale->levels) {
      if (level.scale.size() != multiscale->axes.size()) std::abort();
      for (const double factor : level.scale) {
        if (!(factor > 0)) std::abort();
      }
    }
  }
  return 0;
}
