// What a view needs and what of it is there: the common vocabulary of PlaneContent and VolumeContent.
// Threads: one (render).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/chunk_cache.hpp"
#include "data/render_plan.hpp"
#include "runtime/block_loader.hpp"
#include "runtime/failed_reads.hpp"
#include "runtime/slicing.hpp"

namespace napari::runtime {

// The data set and how it is cut.
struct Subject {
  std::uint64_t dataset{0};
  data::ImageSourcePtr source;
  Slicing slicing;
};

// Where the blocks are; borrowed.
struct Stores {
  data::ChunkCache& cache;
  FailedReads& failed;
};

struct Content {
  std::vector<data::PlanePatch> patches;  // coarse first
  std::optional<data::VolumeBlock> volume;
  std::vector<LoadRequest> wanted;
  bool missing{false};   // something that the view wants is still to come
  bool anything{false};  // there is something to draw, or nothing is to come
  int level{-1};         // the finest that is drawn
};

}  // namespace napari::runtime
