#include "data/discovery.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <filesystem>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "data/zarr/local_store.hpp"
#include "data/zarr/ngff.hpp"

namespace napari::data {

namespace {

namespace fs = std::filesystem;
using gstx::ErrorCode;

// A folder may hold millions of chunks: what is looked at is bounded.
constexpr std::size_t kNamesMax = 100'000;
constexpr std::size_t kFoldersMax = 10'000;

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Both canonical.
bool is_below(const fs::path& root, const fs::path& path) {
  const auto [in_root, in_path] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return in_root == root.end() || (in_root->empty() && std::next(in_root) == root.end());
}

// The canonical root; nullopt: nothing is confined.
std::optional<fs::path> canonical_root(const std::string& root) {
  if (root.empty()) return std::nullopt;
  std::error_code error;
  fs::path path = fs::canonical(root, error);
  // A root that cannot be resolved contains nothing.
  return error ? fs::absolute(root) : path;
}

bool may_enter(const std::optional<fs::path>& root, const fs::path& path) {
  if (!root) return true;
  std::error_code error;
  const fs::path canonical = fs::canonical(path, error);
  return !error && is_below(*root, canonical);
}

struct Name {
  std::string name;
  std::string sort_key;
  bool is_dir;
};

struct Names {
  std::vector<Name> names;  // sorted
  bool has_more{false};
};

template <typename Accept>
gstx::Result<Names> names_in(const fs::path& folder, const Accept& accept) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("cannot list {}: {}", folder.string(), error.message()));
  }
  Names result;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) break;
    std::string name = entries->path().filename().string();
    std::error_code broken;  // a link to nowhere is no folder
    const bool is_dir = entries->is_directory(broken);
    if (!accept(name, is_dir)) continue;
    if (result.names.size() >= kNamesMax) {
      result.has_more = true;
      break;
    }
    std::string key = lower_case(name);
    result.names.push_back({std::move(name), std::move(key), is_dir});
  }
  std::sort(result.names.begin(), result.names.end(), [](const Name& a, const Name& b) {
    return std::tie(a.sort_key, a.name) < std::tie(b.sort_key, b.name);
  });
  return result;
}

bool is_visible_folder(const std::string& name, bool is_dir) {
  return is_dir && !name.starts_with('.');
}

std::vector<std::string> children_in(const std::optional<fs::path>& root, const fs::path& folder) {
  std::vector<std::string> children;
  const auto names = names_in(folder, is_visible_folder);
  if (!names) return children;
  std::size_t looked_at = 0;
  for (const Name& name : names->names) {
    if (children.size() >= kDatasetChildrenMax || ++looked_at > kListingMax) break;
    const fs::path child = folder / name.name;
    if (may_enter(root, child) && is_dataset(child)) children.push_back(name.name);
  }
  return children;
}

std::optional<ListingEntry> make_entry(const std::optional<fs::path>& root, const fs::path& folder,
                                       const Name& name) {
  const fs::path path = folder / name.name;
  struct stat status {};
  if (!may_enter(root, path) || stat(path.c_str(), &status) != 0) return std::nullopt;
  ListingEntry entry{.name = name.name, .path = path.string(), .is_dir = name.is_dir};
  entry.bytes = status.st_size;
  entry.modified_s = static_cast<double>(status.st_mtim.tv_sec) +
                     static_cast<double>(status.st_mtim.tv_nsec) * 1e-9;
  if (entry.is_dir) {
    entry.has_multiscales = has_multiscales(entry.path);
    entry.is_dataset = entry.has_multiscales || is_dataset(entry.path);
    if (!entry.is_dataset) entry.dataset_children = children_in(root, path);
  }
  return entry;
}

}  // namespace

gstx::Result<std::string> confine(const std::string& root, const std::string& path) {
  const auto base = canonical_root(root);
  const fs::path wanted = base ? *base / path : fs::absolute(path.empty() ? "." : path);
  std::error_code error;
  const fs::path canonical = fs::canonical(wanted, error);
  // An outsider must not learn what exists beyond the root: there, a path that does not exist is refused like any other.
  const fs::path judged = error ? wanted.lexically_normal() : canonical;
  if (base && !is_below(*base, judged) &&
      !(error && is_below(fs::absolute(root).lexically_normal(), judged))) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("{} is outside of the data root", path));
  }
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    return gstx::fail(ErrorCode::not_found, fmt::format("{} does not exist", path));
  }
  if (error) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("cannot open {}: {}", path, error.message()));
  }
  return canonical.string();
}

bool has_multiscales(const std::string& folder) {
  const zarr::StorePtr store = zarr::make_local_store(folder);
  const auto bytes = store->get(".zattrs", zarr::kAttributesBytesMax, {});
  if (!bytes || !*bytes) return false;
  return zarr::states_multiscales(
      {reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size()});
}

bool is_dataset(const std::string& folder) {
  const auto array = zarr::make_local_store(folder)->exists(".zarray");
  return (array && *array) || has_multiscales(folder);
}

std::vector<std::string> dataset_children(const std::string& folder) {
  return children_in(std::nullopt, folder);
}

std::vector<std::string> find_datasets(const std::string& root, const std::string& folder) {
  struct Candidate {
    fs::path relative;
    int depth;
  };
  const auto base = canonical_root(root);
  std::vector<std::string> found;
  std::deque<Candidate> waiting{{".", 0}};
  std::size_t looked_at = 0;
  while (!waiting.empty() && found.size() < kDatasetsMax && ++looked_at <= kFoldersMax) {
    const Candidate candidate = std::move(waiting.front());
    waiting.pop_front();
    const fs::path path = fs::path(folder) / candidate.relative;
    if (!may_enter(base, path)) continue;
    if (is_dataset(path)) {
      found.push_back(candidate.relative.string());
      continue;
    }
    if (candidate.depth >= kDiscoveryDepth) continue;
    const auto names = names_in(path, is_visible_folder);
    if (!names) continue;
    for (const Name& name : names->names) {
      const fs::path relative =
          candidate.depth == 0 ? fs::path(name.name) : candidate.relative / name.name;
      waiting.push_back({relative, candidate.depth + 1});
    }
  }
  return found;
}

gstx::Result<Listing> list_directory(const std::string& root, const std::string& path,
                                     const ListingFilter& filter) {
  auto folder = confine(root, path);
  if (!folder && !root.empty() && folder.error().code == ErrorCode::failed_precondition) {
    folder = confine(root, "");
  }
  if (!folder) return gstx::fail(folder.error());
  std::error_code error;
  if (!fs::is_directory(*folder, error)) {
    return gstx::fail(ErrorCode::not_found, fmt::format("{} is no folder", path));
  }
  const auto accept = [&](const std::string& name, bool is_dir) {
    if (name.starts_with('.') && !filter.show_hidden) return false;
    if (is_dir || filter.suffixes.empty()) return true;
    const std::string lower = lower_case(name);
    return std::any_of(filter.suffixes.begin(), filter.suffixes.end(),
                       [&](const std::string& s) { return lower.ends_with(lower_case(s)); });
  };
  GSTX_ASSIGN_OR_RETURN(const Names names, names_in(*folder, accept));
  const auto base = canonical_root(root);
  Listing listing{.path = *folder, .entries = {}, .has_more = names.has_more};
  for (const Name& name : names.names) {
    if (listing.entries.size() >= kListingMax) {
      listing.has_more = true;
      break;
    }
    if (auto entry = make_entry(base, *folder, name)) listing.entries.push_back(std::move(*entry));
  }
  return listing;
}

}  // namespace napari::data
