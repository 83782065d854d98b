#include "engine/gl/stand_ins.hpp"

#include <memory>
#include <utility>

namespace napari::engine {
namespace {

using data::VolumeBlock;

constexpr std::size_t kVolumesMax = 8;  // a layer

VolumeBlock without_voxels(const VolumeBlock& volume) {
  auto block = std::make_shared<data::VoxelBlock>(*volume.block);
  block->voxels.reset();
  VolumeBlock noted = volume;
  noted.block = std::move(block);
  return noted;
}

}  // namespace

void StandIns::note(const data::RenderPlan& plan, const Resident& resident) {
  if (layers_.size() != plan.layers.size()) {
    layers_.clear();
    layers_.resize(plan.layers.size());
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto& volume = plan.layers[i].volume;
    if (!volume) continue;
    auto& noted = layers_[i];
    const std::uint64_t id = volume->block->id;
    // The one being uploaded at the moment is not resident yet, and is kept while it is among the newest.
    std::erase_if(noted, [&](const VolumeBlock& v) { return v.block->id == id; });
    if (noted.size() >= kVolumesMax)
      std::erase_if(noted, [&](const VolumeBlock& v) { return !resident(v.block->id); });
    if (noted.size() >= kVolumesMax) noted.pop_back();
    noted.push_front(without_voxels(*volume));
  }
}

std::optional<VolumeBlock> StandIns::find(std::size_t layer, std::uint64_t not_id,
                                          const Resident& resident) const {
  if (layer >= layers_.size()) return std::nullopt;
  for (const VolumeBlock& volume : layers_[layer]) {
    if (volume.block->id != not_id && resident(volume.block->id)) return volume;
  }
  return std::nullopt;
}

}  // namespace napari::engine
