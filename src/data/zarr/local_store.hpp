// A Store in a folder of a local (or mounted) file system. Symbolic links are followed, so that a data set may be put together
// from several disks; keys themselves cannot leave the folder. Threads: any.
#pragma once

#include <string>

#include "data/zarr/store.hpp"

namespace napari::data::zarr {

// `folder` need not exist; every `get` then says so.
[[nodiscard]] StorePtr make_local_store(std::string folder);

}  // namespace napari::data::zarr
