// The file system as clients may see it: below the data root and nowhere else, symbolic links resolved. Lists folders and
// finds data sets. Blocks on the disk: never call it on main. Threads: any; immutable.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gstx/result.hpp"

namespace napari::control {

inline constexpr std::size_t kEntriesMax = 1000;
inline constexpr std::size_t kChildrenMax = 16;  // data sets named for a folder that is none
inline constexpr std::size_t kCandidatesMax =
    32;  // data sets looked for below a folder that is none

struct FsEntry {
  std::string name;
  std::string path;  // absolute
  bool is_dir{false};
  std::uint64_t size_bytes{0};
  double mtime_s{0};  // Unix epoch
  bool is_dataset{false};
  bool has_multiscales{false};
  std::vector<std::string> dataset_children;
};

struct FsListing {
  std::string path;  // absolute
  std::vector<FsEntry> entries;
  bool has_more{false};
};

struct ListOptions {
  bool show_hidden{false};
  std::vector<std::string> suffixes;  // of files, any case; empty: all
};

class FsBrowser {
 public:
  explicit FsBrowser(const std::string& root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  // Outside the root: the root, since the client's dialog freezes on an error. Error: not_found.
  [[nodiscard]] gstx::Result<FsListing> list(const std::optional<std::string>& path,
                                             const ListOptions& options) const;

  // The canonical path. Error: not_found; failed_precondition outside the root.
  [[nodiscard]] gstx::Result<std::filesystem::path> resolve(const std::string& path) const;

  // The path itself where it is a data set or a file, else the data sets at most two folders below it.
  [[nodiscard]] std::vector<std::filesystem::path> find_datasets(
      const std::filesystem::path& path) const;

 private:
  [[nodiscard]] bool inside(const std::filesystem::path& canonical) const;

  std::filesystem::path root_;
};

}  // namespace napari::control
