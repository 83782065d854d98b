// Finds data sets in folders and lists folders, confined below a root with symbolic links resolved. Touches metadata only.
// Threads: any; blocks on the disk, so not for the main thread where the disk may be slow.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gstx/result.hpp"

namespace napari::data {

inline constexpr int kDiscoveryDepth = 2;
inline constexpr std::size_t kDatasetsMax = 32;
inline constexpr std::size_t kDatasetChildrenMax = 16;
inline constexpr std::size_t kListingMax = 1000;

// `path` (relative to `root`, or absolute; empty: the root) with links resolved. `not_found`, or `failed_precondition` where it
// lies outside of the root or may not be read. An empty root confines nothing; relative paths are then the working directory's.
[[nodiscard]] gstx::Result<std::string> confine(const std::string& root, const std::string& path);

[[nodiscard]] bool has_multiscales(const std::string& folder);
[[nodiscard]] bool is_dataset(const std::string& folder);  // has .zarray, or has_multiscales

// Names of the immediate subfolders that are data sets, sorted, at most kDatasetChildrenMax.
[[nodiscard]] std::vector<std::string> dataset_children(const std::string& folder);

// Data sets at `folder` or at most kDiscoveryDepth below it, breadth first, not inside one another, at most kDatasetsMax; paths
// relative to `folder` ("." for itself). Folders outside of `root` (through links) and unreadable ones are passed over.
[[nodiscard]] std::vector<std::string> find_datasets(const std::string& root,
                                                     const std::string& folder);

struct ListingEntry {
  std::string name;
  std::string path;  // absolute
  bool is_dir{false};
  std::int64_t bytes{0};
  double modified_s{0};    // Unix time
  bool is_dataset{false};  // the rest for folders only
  bool has_multiscales{false};
  std::vector<std::string> dataset_children;  // where it is no data set itself
};

struct Listing {
  std::string path;                   // absolute
  std::vector<ListingEntry> entries;  // by lower-case name, at most kListingMax
  bool has_more{false};
};

struct ListingFilter {
  std::vector<std::string> suffixes{
      ".zarr"};  // of files, any case; empty: all. Folders always are listed.
  bool show_hidden{false};
};

// What `fs.listdir` answers. A path outside of the root lists the root, since the desktop client's "up" does not know it.
[[nodiscard]] gstx::Result<Listing> list_directory(const std::string& root, const std::string& path,
                                                   const ListingFilter& filter);

}  // namespace napari::data
