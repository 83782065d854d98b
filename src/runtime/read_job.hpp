// One request of the loader as parts that several threads read into one allocation. Not a queue: BlockLoader hands out the
// parts. Threads: `read_part` runs for different parts at once, `finish` once after the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "data/voxel_block.hpp"
#include "gstx/result.hpp"
#include "runtime/block_loader.hpp"

namespace napari::runtime {

class ReadJob {
 public:
  // Allocates. Fails with `unavailable` when the memory cannot be had.
  [[nodiscard]] static gstx::Result<ReadJob> make(const LoadRequest& request);

  [[nodiscard]] std::size_t part_count() const { return parts_.size(); }
  // Returns the bytes read.
  [[nodiscard]] gstx::Result<std::int64_t> read_part(std::size_t part, const std::stop_token& stop);
  [[nodiscard]] LoadResult finish();

 private:
  ReadJob(LoadRequest request, data::BlockDraft draft, std::vector<data::Region> parts)
      : request_(std::move(request)), draft_(std::move(draft)), parts_(std::move(parts)) {}

  LoadRequest request_;
  data::BlockDraft draft_;
  std::vector<data::Region> parts_;
};

}  // namespace napari::runtime
