// Which volume may be shown in the place of one that is still being uploaded: what its layer wanted lately, newest first, and
// has. Pure; asks its caller what is resident. Threads: one at a time. Ownership: keeps brick maxima, and no voxels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "data/render_plan.hpp"

namespace napari::engine {

class StandIns {
 public:
  using Resident = std::function<bool(std::uint64_t block_id)>;

  // Notes what each layer of a 3-D plan wants. A plan of another number of layers is another scene: what was before is forgotten.
  void note(const data::RenderPlan& plan, const Resident& resident);
  // Another volume of this layer that is resident. Its block has no voxels.
  [[nodiscard]] std::optional<data::VolumeBlock> find(std::size_t layer, std::uint64_t not_id,
                                                      const Resident& resident) const;

 private:
  std::vector<std::deque<data::VolumeBlock>> layers_;  // newest first
};

}  // namespace napari::engine
