// Reads blocks on a bounded pool of threads. The caller states the whole of what it wants, again and again: what is new is
// queued, what is the same goes on, what is no longer wanted is cancelled. Keeps nothing and decides nothing.
// Threads: methods [any]; `done` runs on a loader thread and must not block. One thread serves only the most urgent
// requests (priority 0), so that slow reads of fine levels never hold up the coarse ones.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/chunk_cache.hpp"
#include "data/image_source.hpp"
#include "data/render_plan.hpp"
#include "gstx/result.hpp"
#include "runtime/slicing.hpp"

namespace napari::runtime {

enum class ReadKind { tile, volume };

struct LoadKey {
  data::ChunkKey chunk;
  ReadKind kind{ReadKind::tile};
  std::array<int, 3>
      axes{};  // volumes: the data axes of z, y, x, since one box can be shown turned
  bool operator==(const LoadKey&) const = default;
};
struct LoadKeyHash {
  [[nodiscard]] std::size_t operator()(const LoadKey& key) const {
    return data::ChunkKeyHash{}(key.chunk) * 2 + (key.kind == ReadKind::volume ? 1 : 0);
  }
};

struct LoadRequest {
  LoadKey key;
  data::ImageSourcePtr source;
  int priority{1};  // 0 first
  data::Pin pin{data::Pin::no};
  LevelSlice slice;  // volumes: which axes are z, y, x
};

struct LoadResult {
  LoadRequest request;
  // A tile: its region in C order, in a block of shape {1, 1, voxels}. A volume: z, y, x as displayed.
  gstx::Result<data::VoxelBlockPtr> block;
  std::shared_ptr<const data::BrickMaxima> bricks;  // volumes
};

struct LoaderStats {
  std::uint64_t reads{0}, cancelled{0}, failed{0}, bytes{0};
};

class BlockLoader {
 public:
  BlockLoader(int threads, std::function<void(LoadResult)> done);
  ~BlockLoader();  // closes
  BlockLoader(const BlockLoader&) = delete;
  BlockLoader& operator=(const BlockLoader&) = delete;

  // Replaces what is wanted. Of equal priority the earlier comes first. A request that was delivered is not read again
  // before it has once been absent.
  void want(std::vector<LoadRequest> requests);
  // Cancels everything and joins the threads; `done` runs no more and `want` does nothing.
  void close();
  [[nodiscard]] LoaderStats stats() const;

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace napari::runtime
