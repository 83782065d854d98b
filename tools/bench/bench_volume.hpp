// What gpu_bench draws: synthetic uint16 volumes and planes, made on all cores, and views that turn around them. Threads: any.
#pragma once

#include <cstdint>

#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::bench {

// Forty balls, dim at the rim; `noisy`: in noise of a tenth of their value that fills the volume, else in zeros.
[[nodiscard]] gstx::Result<data::VoxelBlockPtr> make_balls(std::int64_t edge, bool noisy,
                                                           int threads);
[[nodiscard]] gstx::Result<data::VoxelBlockPtr> make_noise_plane(std::int64_t edge);

// The same voxels under another id: to a cache, a block that it has not seen.
[[nodiscard]] data::VoxelBlockPtr renamed(const data::VoxelBlock& block);

// A perspective view of the whole volume, `degrees` around it; the volume is about as high as the canvas.
[[nodiscard]] data::RenderPlan volume_plan(const data::VolumeBlock& volume, data::CanvasSize canvas,
                                           double degrees);
// A part of the plane at 1.3 pixels a voxel, moved by `offset` voxels.
[[nodiscard]] data::RenderPlan plane_plan(const data::VoxelBlockPtr& plane, data::CanvasSize canvas,
                                          double offset);

}  // namespace napari::bench
