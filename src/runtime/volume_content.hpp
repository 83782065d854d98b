// 3-D: which levels' volumes a view needs and the finest that is there. Volumes are read whole, coarse ones first, and
// held within a byte budget; the one that was used longest ago goes first.
// Threads: one (render). Owns the volumes together with the plans that hold them.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/content.hpp"

namespace napari::runtime {

struct VolumeQuery {
  const Subject& subject;
  int coarsest{0};
  int finest{-1};       // one that may come later, and is not missed until then; -1: none
  int level{0};         // the finest that a still picture may use: to be there in the end
  int moving_level{0};  // the finest that a moving picture may use; >= level
  bool moving{false};
  std::int64_t now_ns{0};
};

class VolumeContent {
 public:
  VolumeContent(FailedReads& failed, std::int64_t bytes_max)
      : failed_(failed), bytes_max_(bytes_max) {}

  [[nodiscard]] Content gather(const VolumeQuery& query);
  // A volume was read. It stays while it is wanted and fits.
  void insert(const LoadResult& result);
  void drop_other_datasets(std::uint64_t dataset);
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t bytes_max() const { return bytes_max_; }

 private:
  struct Entry {
    LoadKey key;
    data::VolumeBlock volume;
    std::int64_t bytes{0};
    std::uint64_t used{0};
  };
  [[nodiscard]] Entry* find(const LoadKey& key);

  FailedReads& failed_;
  std::int64_t bytes_max_;
  std::int64_t bytes_{0};
  std::uint64_t clock_{0};
  std::vector<Entry> entries_;
};

}  // namespace napari::runtime
