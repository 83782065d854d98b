#include "data/chunk_cache.hpp"

#include <utility>

#include "data/voxel_block.hpp"

namespace napari::data {

std::size_t ChunkKeyHash::operator()(const ChunkKey& key) const {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32U;
  };
  mix(key.dataset);
  mix(static_cast<std::uint64_t>(key.level));
  for (const std::int64_t start : key.region.start) mix(static_cast<std::uint64_t>(start));
  for (const std::int64_t extent : key.region.shape) mix(static_cast<std::uint64_t>(extent));
  return static_cast<std::size_t>(hash);
}

VoxelBlockPtr ChunkCache::find(const ChunkKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->block;
}

bool ChunkCache::holds(const ChunkKey& key) const {
  const std::lock_guard lock(mutex_);
  return index_.contains(key);
}

bool ChunkCache::insert(const ChunkKey& key, VoxelBlockPtr block, Pin pin) {
  Entries removed;  // freed after the lock
  const std::lock_guard lock(mutex_);
  const std::int64_t bytes = block_bytes(*block);
  if (const auto found = index_.find(key); found != index_.end()) remove(found->second, removed);
  if (bytes > bytes_max_ - bytes_pinned_) {
    ++rejected_;
    return false;
  }
  evict(bytes, removed);
  entries_.push_front({key, std::move(block), bytes, pin});
  index_[key] = entries_.begin();
  bytes_ += bytes;
  if (pin == Pin::yes) bytes_pinned_ += bytes;
  return true;
}

void ChunkCache::unpin(const ChunkKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end() || found->second->pin == Pin::no) return;
  found->second->pin = Pin::no;
  bytes_pinned_ -= found->second->bytes;
}

void ChunkCache::drop_dataset(std::uint64_t dataset) {
  Entries removed;
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->key.dataset == dataset) remove(entry, removed);
    entry = next;
  }
}

void ChunkCache::set_bytes_max(std::int64_t bytes_max) {
  Entries removed;
  const std::lock_guard lock(mutex_);
  bytes_max_ = bytes_max;
  evict(0, removed);
}

ChunkCache::Stats ChunkCache::stats() const {
  const std::lock_guard lock(mutex_);
  return {.bytes = bytes_,
          .bytes_max = bytes_max_,
          .bytes_pinned = bytes_pinned_,
          .entries = static_cast<std::int64_t>(entries_.size()),
          .hits = hits_,
          .misses = misses_,
          .evictions = evictions_,
          .rejected = rejected_};
}

void ChunkCache::evict(std::int64_t bytes_needed, Entries& evicted) {
  for (auto entry = entries_.end();
       entry != entries_.begin() && bytes_ + bytes_needed > bytes_max_;) {
    const auto candidate = std::prev(entry);
    if (candidate->pin == Pin::yes) {
      entry = candidate;
      continue;
    }
    remove(candidate, evicted);
    ++evictions_;
  }
}

void ChunkCache::remove(Entries::iterator entry, Entries& removed) {
  bytes_ -= entry->bytes;
  if (entry->pin == Pin::yes) bytes_pinned_ -= entry->bytes;
  index_.erase(entry->key);
  removed.splice(removed.end(), entries_, entry);
}

}  // namespace napari::data
