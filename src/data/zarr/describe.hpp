// An image in words and as JSON: what `napari-cuda-server info` prints. Threads: any.
#pragma once

#include <string>

#include "data/image_source.hpp"

namespace napari::data {

[[nodiscard]] std::string describe(const ImageInfo& info);

// One object: name, path, format, axes[], levels[], channels[].
[[nodiscard]] std::string describe_json(const ImageInfo& info);

}  // namespace napari::data
