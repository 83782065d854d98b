#include "control/fs_browser.hpp"

#include <algorithm>
#include <deque>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "control/handlers.hpp"
#include "control/json.hpp"

namespace napari::control {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAttributesBytesMax = 4 << 20;
constexpr std::size_t kScannedMax = 20'000;  // names read of one folder
constexpr int kSearchDepth = 2;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool has_multiscales(const fs::path& folder) {
  std::ifstream file(folder / ".zattrs", std::ios::binary);
  if (!file) return false;
  std::string text(kAttributesBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const auto document = JsonDocument::parse(text);
  return document && document->root().member("multiscales").size() > 0;
}

bool is_dataset(const fs::path& folder) {
  return is_there(folder / ".zarray") || has_multiscales(folder);
}

// At most kScannedMax names, sorted by lower-case name.
std::vector<fs::path> names_in(const fs::path& folder, bool& cut) {
  std::vector<fs::path> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (names.size() >= kScannedMax) {
      cut = true;
      break;
    }
    names.push_back(entry->path());
  }
  std::sort(names.begin(), names.end(), [](const fs::path& a, const fs::path& b) {
    return lower(a.filename().string()) < lower(b.filename().string());
  });
  return names;
}

bool ends_with_any(const std::string& name, const std::vector<std::string>& suffixes) {
  if (suffixes.empty()) return true;
  const std::string text = lower(name);
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const std::string& suffix) { return text.ends_with(lower(suffix)); });
}

std::vector<std::string> children_of(const fs::path& folder) {
  std::vector<std::string> children;
  bool cut = false;
  for (const auto& path : names_in(folder, cut)) {
    if (children.size() >= kChildrenMax) break;
    if (is_folder(path) && is_dataset(path)) children.push_back(path.filename().string());
  }
  return children;
}

std::optional<FsEntry> describe(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;  // vanished, or a dangling link
  FsEntry entry;
  entry.name = path.filename().string();
  entry.path = path.string();
  entry.is_dir = S_ISDIR(status.st_mode);
  entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  entry.mtime_s = static_cast<double>(status.st_mtim.tv_sec) +
                  static_cast<double>(status.st_mtim.tv_nsec) / 1e9;
  if (entry.is_dir) {
    entry.has_multiscales = has_multiscales(path);
    entry.is_dataset = entry.has_multiscales || is_there(path / ".zarray");
    if (!entry.is_dataset) entry.dataset_children = children_of(path);
  }
  return entry;
}

}  // namespace

FsBrowser::FsBrowser(const std::string& root) {
  std::error_code error;
  root_ = fs::canonical(root.empty() ? fs::current_path(error) : fs::path(root), error);
  // A root that is gone lists as not found; nothing is ever inside it.
  if (error) root_ = fs::path(root).lexically_normal();
}

bool FsBrowser::inside(const fs::path& canonical) const {
  const auto [root_end, rest] =
      std::mismatch(root_.begin(), root_.end(), canonical.begin(), canonical.end());
  (void)rest;
  return root_end == root_.end();
}

gstx::Result<fs::path> FsBrowser::resolve(const std::string& path) const {
  if (path.find('\0') != std::string::npos) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, "path holds a NUL");
  }
  std::error_code error;
  const fs::path asked = root_ / fs::path(path);  // an absolute path replaces the root
  const fs::path canonical = fs::weakly_canonical(asked, error);
  if (error || !inside(canonical)) {
    // Whether it exists out there is nobody's business.
    return gstx::fail(gstx::ErrorCode::failed_precondition,
                      fmt::format("'{}' is outside the data root", path));
  }
  if (!is_there(canonical)) {
    return gstx::fail(gstx::ErrorCode::not_found, fmt::format("'{}' does not exist", path));
  }
  return canonical;
}

gstx::Result<FsListing> FsBrowser::list(const std::optional<std::string>& path,
                                        const ListOptions& options) const {
  fs::path folder = root_;
  if (path && !path->empty()) {
    const auto resolved = resolve(*path);
    if (!resolved && resolved.error().code == gstx::ErrorCode::not_found) {
      return gstx::fail(resolved.error());
    }
    if (resolved) folder = *resolved;
  }
  if (!is_folder(folder)) {
    return gstx::fail(gstx::ErrorCode::not_found,
                      fmt::format("'{}' is not a folder", folder.string()));
  }
  FsListing listing;
  listing.path = folder.string();
  for (const auto& name : names_in(folder, listing.has_more)) {
    const std::string file_name = name.filename().string();
    if (!options.show_hidden && file_name.starts_with('.')) continue;
    if (!is_folder(name) && !ends_with_any(file_name, options.suffixes)) continue;
    std::error_code error;
    if (const fs::path target = fs::canonical(name, error); error || !inside(target)) continue;
    if (listing.entries.size() >= kEntriesMax) {
      listing.has_more = true;
      break;
    }
    if (auto entry = describe(name)) listing.entries.push_back(std::move(*entry));
  }
  return listing;
}

std::vector<fs::path> FsBrowser::find_datasets(const fs::path& path) const {
  if (!is_folder(path) || is_dataset(path)) return {path};
  std::vector<fs::path> found;
  std::deque<std::pair<fs::path, int>> queue{{path, 0}};
  while (!queue.empty() && found.size() < kCandidatesMax) {
    const auto [folder, depth] = queue.front();
    queue.pop_front();
    bool cut = false;
    for (const auto& child : names_in(folder, cut)) {
      std::error_code error;
      if (!is_folder(child) || found.size() >= kCandidatesMax) continue;
      if (const fs::path target = fs::canonical(child, error); error || !inside(target)) continue;
      if (is_dataset(child)) {
        found.push_back(child);
      } else if (depth + 1 < kSearchDepth) {
        queue.emplace_back(child, depth + 1);
      }
    }
  }
  return found;
}

}  // namespace napari::control
