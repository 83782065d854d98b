#include "runtime/volume_content.hpp"

#include <algorithm>

#include "data/voxel_block.hpp"

namespace napari::runtime {
namespace {

LoadKey volume_key(const Subject& subject, const LevelSlice& slice) {
  return {{subject.dataset, slice.level, slice.region()}, ReadKind::volume, slice.axes};
}

}  // namespace

VolumeContent::Entry* VolumeContent::find(const LoadKey& key) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

Content VolumeContent::gather(const VolumeQuery& query) {
  Content content;
  const auto& levels = query.subject.slicing.levels;
  const auto key_of = [&](int level) {
    return volume_key(query.subject, levels[static_cast<std::size_t>(level)]);
  };
  const auto ask = [&](int level, int priority, bool missed) {
    LoadRequest request;
    request.key = key_of(level);
    if (Entry* held = find(request.key)) {
      held->used = ++clock_;
      return;
    }
    if (failed_.is_given_up(request.key, query.now_ns)) return;
    request.source = query.subject.source;
    request.priority = priority;
    request.slice = levels[static_cast<std::size_t>(level)];
    content.wanted.push_back(std::move(request));
    content.missing |= missed;
  };
  const bool refines = query.finest >= 0 && query.finest < query.level;
  ask(query.coarsest, 0, true);
  if (query.moving_level != query.coarsest) ask(query.moving_level, 1, true);
  if (query.level != query.moving_level) ask(query.level, 1, true);
  if (refines) ask(query.finest, 1, false);
  const int still = refines ? query.finest : query.level;
  const int finest = query.moving ? query.moving_level : still;
  for (int level = finest; level < static_cast<int>(levels.size()) && !content.volume; ++level)
    if (Entry* held = find(key_of(level))) {
      held->used = ++clock_;
      content.volume = held->volume;
      content.level = level;
    }
  content.anything = content.volume || !content.missing;
  return content;
}

void VolumeContent::insert(const LoadResult& result) {
  const LevelSlice& slice = result.request.slice;
  Entry entry;
  entry.key = result.request.key;
  entry.volume = {*result.block, result.bricks, slice.origin, slice.spacing};
  entry.bytes = data::block_bytes(**result.block);
  entry.used = ++clock_;
  if (find(entry.key) != nullptr) return;
  while (!entries_.empty() && bytes_ + entry.bytes > bytes_max_) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.used < b.used; });
    bytes_ -= oldest->bytes;
    entries_.erase(oldest);
  }
  bytes_ += entry.bytes;
  entries_.push_back(std::move(entry));
}

void VolumeContent::drop_other_datasets(std::uint64_t dataset) {
  std::erase_if(entries_, [&](const Entry& entry) {
    if (entry.key.chunk.dataset == dataset) return false;
    bytes_ -= entry.bytes;
    return true;
  });
}

}  // namespace napari::runtime
