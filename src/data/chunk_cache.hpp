// Decoded blocks, least recently used first out, bounded in bytes. Holds what was read, never
// reads. A block that a plan still holds outlives its eviction. Pinned entries (the coarsest level)
// stay until unpinned or their data set is dropped. Threads: any; every method takes one short lock
// and frees voxel memory outside it.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "data/render_plan.hpp"
#include "data/types.hpp"

namespace napari::data {

// What a block is: a region (usually one chunk, or one plane of it) of a level. `dataset` is the
// opener's number, never reused.
struct ChunkKey {
  std::uint64_t dataset{0};
  int level{0};
  Region region;
  bool operator==(const ChunkKey&) const = default;
};

struct ChunkKeyHash {
  [[nodiscard]] std::size_t operator()(const ChunkKey& key) const;
};

enum class Pin { no, yes };

class ChunkCache {
 public:
  struct Stats {
    std::int64_t bytes{0};
    std::int64_t bytes_max{0};
    std::int64_t bytes_pinned{0};
    std::int64_t entries{0};
    std::uint64_t hits{0};
    std::uint64_t misses{0};
    std::uint64_t evictions{0};
    std::uint64_t rejected{0};  // inserts that did not fit beside what is pinned
  };

  explicit ChunkCache(std::int64_t bytes_max) : bytes_max_(bytes_max) {}
  ChunkCache(const ChunkCache&) = delete;
  ChunkCache& operator=(const ChunkCache&) = delete;

  // Null where it is not held. Counts a hit or a miss and makes the entry the most recent.
  [[nodiscard]] VoxelBlockPtr find(const ChunkKey& key);
  // Neither counts nor refreshes.
  [[nodiscard]] bool holds(const ChunkKey& key) const;

  // Replaces what was there. False: it does not fit beside what is pinned, and is not kept.
  bool insert(const ChunkKey& key, VoxelBlockPtr block, Pin pin = Pin::no);
  void unpin(const ChunkKey& key);
  void drop_dataset(std::uint64_t dataset);
  void set_bytes_max(std::int64_t bytes_max);

  [[nodiscard]] Stats stats() const;

 private:
  struct Entry {
    ChunkKey key;
    VoxelBlockPtr block;
    std::int64_t bytes;
    Pin pin;
  };
  using Entries = std::list<Entry>;

  // Moves unpinned entries, oldest first, to `evicted` until `bytes_needed` more fit.
  void evict(std::int64_t bytes_needed, Entries& evicted);
  void remove(Entries::iterator entry, Entries& removed);

  mutable std::mutex mutex_;
  std::int64_t bytes_max_;
  std::int64_t bytes_{0};
  std::int64_t bytes_pinned_{0};
  Entries entries_;  // most recent first
  std::unordered_map<ChunkKey, Entries::iterator, ChunkKeyHash> index_;
  std::uint64_t hits_{0};
  std::uint64_t misses_{0};
  std::uint64_t evictions_{0};
  std::uint64_t rejected_{0};
};

}  // namespace napari::data
