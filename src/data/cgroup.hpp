// Reads limits of the control group that this process is in, v2 and v1. Not a parser of anything
// else below /sys. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace napari::data {

// First line of a small file; nullopt where it cannot be read.
[[nodiscard]] std::optional<std::string> read_first_line(const std::string& path);

// Folders of the process's control group for `controller` ("cpu", "memory"), innermost first, up to
// the mount's root; v2 and v1 alike.
struct CgroupFolders {
  std::vector<std::string> v2;
  std::vector<std::string> v1;
};
[[nodiscard]] CgroupFolders cgroup_folders(const std::string& file_root,
                                           const std::string& controller);

}  // namespace napari::data
