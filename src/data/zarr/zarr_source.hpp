// An OME-Zarr image (or a bare Zarr v2 array) as an ImageSource. Threads: any; immutable after opening.
#pragma once

#include <string>

#include "data/image_source.hpp"
#include "data/zarr/store.hpp"
#include "gstx/result.hpp"

namespace napari::data {

// Opens a local folder. A file in another format gets an error that names the command which converts it.
[[nodiscard]] gstx::Result<ImageSourcePtr> open_zarr(const std::string& path);

// The same on any store; `name` is shown where the metadata gives none, `path` is what was opened.
[[nodiscard]] gstx::Result<ImageSourcePtr> open_zarr_store(const zarr::StorePtr& store,
                                                           const std::string& path);

// The line that converts a file of a known foreign format, "" for any other path.
[[nodiscard]] std::string converting_command(const std::string& path);

}  // namespace napari::data
