#include "data/cgroup.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace napari::data {

namespace {

// "/a/b" -> {mount/a/b, mount/a, mount}
std::vector<std::string> upwards(const std::string& mount, std::string path) {
  std::vector<std::string> folders;
  while (!path.empty() && path != "/") {
    folders.push_back(mount + path);
    path.erase(path.rfind('/'));
  }
  folders.push_back(mount);
  return folders;
}

bool lists(const std::string& controllers, const std::string& wanted) {
  std::istringstream names(controllers);
  std::string name;
  while (std::getline(names, name, ',')) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> read_first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

CgroupFolders cgroup_folders(const std::string& file_root, const std::string& controller) {
  CgroupFolders folders;
  std::ifstream groups(file_root + "/proc/self/cgroup");
  const std::string mount = file_root + "/sys/fs/cgroup";
  std::string line;
  while (std::getline(groups, line)) {  // "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1)
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) folders.v2 = upwards(mount, path);
    if (lists(controllers, controller))
      folders.v1 = upwards(fmt::format("{}/{}", mount, controller), path);
  }
  // In a container the path may name what is mounted elsewhere; the mount's root then holds the
  // limit.
  if (folders.v2.empty()) folders.v2.push_back(mount);
  if (folders.v1.empty()) folders.v1.push_back(mount + "/" + controller);
  return folders;
}

}  // namespace napari::data
