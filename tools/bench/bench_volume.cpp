#include "bench/bench_volume.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <numbers>
#include <thread>
#include <vector>

#include "data/voxel_block.hpp"

namespace napari::bench {
namespace {

constexpr int kBalls = 40;

struct Ball {
  std::array<double, 3> center{};  // z, y, x
  double radius{0};
  double value{0};
};

std::uint32_t step(std::uint32_t& state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

std::vector<Ball> make_ball_list(std::int64_t edge) {
  std::uint32_t state = 2463534242U;
  const auto unit = [&] { return static_cast<double>(step(state) >> 8) / (1 << 24); };
  std::vector<Ball> balls;
  for (int i = 0; i < kBalls; ++i) {
    Ball ball;
    const double size = static_cast<double>(edge);
    for (double& c : ball.center) c = size * (0.15 + 0.7 * unit());
    ball.radius = size * (0.02 + 0.06 * unit());
    ball.value = 15000 + 30000 * unit();
    balls.push_back(ball);
  }
  return balls;
}

// One row of voxels.
void fill_row(std::span<std::uint16_t> row, std::int64_t z, std::int64_t y,
              const std::vector<Ball>& balls, bool noisy) {
  auto state = static_cast<std::uint32_t>(z * 7919 + y * 104729 + 1);
  for (std::uint16_t& voxel : row) {
    voxel = noisy ? static_cast<std::uint16_t>(step(state) >> 20) : std::uint16_t{0};
  }
  for (const Ball& ball : balls) {
    const double dz = static_cast<double>(z) - ball.center[0];
    const double dy = static_cast<double>(y) - ball.center[1];
    const double rest = ball.radius * ball.radius - dz * dz - dy * dy;
    if (rest <= 0) continue;
    const double half = std::sqrt(rest);
    const auto last = static_cast<double>(row.size() - 1);
    const auto begin = static_cast<std::int64_t>(std::max(0.0, std::ceil(ball.center[2] - half)));
    const auto end = static_cast<std::int64_t>(std::min(last, ball.center[2] + half));
    for (std::int64_t x = begin; x <= end; ++x) {
      const double dx = static_cast<double>(x) - ball.center[2];
      const double depth = 1 - (dx * dx + dy * dy + dz * dz) / (ball.radius * ball.radius);
      const auto value = static_cast<std::uint16_t>(ball.value * (0.2 + 0.8 * depth) +
                                                    static_cast<double>(step(state) >> 21));
      std::uint16_t& voxel = row[static_cast<std::size_t>(x)];
      voxel = std::max(voxel, value);
    }
  }
}

}  // namespace

gstx::Result<data::VoxelBlockPtr> make_balls(std::int64_t edge, bool noisy, int threads) {
  GSTX_ASSIGN_OR_RETURN(data::BlockDraft draft,
                        data::allocate_block(data::DType::u16, {edge, edge, edge}));
  auto* const voxels = reinterpret_cast<std::uint16_t*>(draft.voxels.data());
  const std::vector<Ball> balls = make_ball_list(edge);
  std::atomic<std::int64_t> next{0};
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < std::max(1, threads); ++i) {
      workers.emplace_back([&] {
        for (std::int64_t z = next++; z < edge; z = next++) {
          for (std::int64_t y = 0; y < edge; ++y) {
            fill_row({voxels + (z * edge + y) * edge, static_cast<std::size_t>(edge)}, z, y, balls,
                     noisy);
          }
        }
      });
    }
  }
  return data::finish_block(std::move(draft));
}

gstx::Result<data::VoxelBlockPtr> make_noise_plane(std::int64_t edge) {
  GSTX_ASSIGN_OR_RETURN(data::BlockDraft draft,
                        data::allocate_block(data::DType::u16, {1, edge, edge}));
  auto* const voxels = reinterpret_cast<std::uint16_t*>(draft.voxels.data());
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < edge * edge; ++i) {
    voxels[i] = static_cast<std::uint16_t>(step(state) >> 16);
  }
  return data::finish_block(std::move(draft));
}

data::VoxelBlockPtr renamed(const data::VoxelBlock& block) {
  auto copy = std::make_shared<data::VoxelBlock>(block);
  copy->id = data::next_block_id();
  return copy;
}

data::RenderPlan volume_plan(const data::VolumeBlock& volume, data::CanvasSize canvas,
                             double degrees) {
  const auto edge = static_cast<double>(volume.block->shape[0]);
  const double turn = degrees * std::numbers::pi / 180;
  const double tilt = 0.45;
  const double c = std::cos(turn), s = std::sin(turn);
  const double ct = std::cos(tilt), st = std::sin(tilt);
  data::RenderPlan plan;
  plan.canvas = canvas;
  plan.ndisplay = 3;
  plan.volume.center = {(edge - 1) / 2, (edge - 1) / 2, (edge - 1) / 2};
  plan.volume.forward = {c * ct, st, s * ct};
  plan.volume.right = {-s, 0, c};
  plan.volume.down = {-c * st, ct, -s * st};
  plan.volume.world_per_px = 1.25 * edge / canvas.height_px;
  plan.volume.perspective = true;
  plan.volume.distance = 3 * edge;
  data::PlanLayer layer;
  layer.volume = volume;
  layer.transfer = {.contrast_low = 0, .contrast_high = 52000};
  plan.layers.push_back(std::move(layer));
  return plan;
}

data::RenderPlan plane_plan(const data::VoxelBlockPtr& plane, data::CanvasSize canvas,
                            double offset) {
  const auto edge = static_cast<double>(plane->shape[1]);
  data::RenderPlan plan;
  plan.canvas = canvas;
  plan.plane.world_per_px = 1 / 1.3;
  plan.plane.center = {edge / 2 + offset, edge / 2 - 0.5 * offset};
  data::PlanLayer layer;
  layer.patches.push_back({plane, {0, 0}, {1, 1}, 0, 0, plane->shape[2], plane->shape[1]});
  layer.transfer = {.contrast_low = 0, .contrast_high = 65535};
  plan.layers.push_back(std::move(layer));
  return plan;
}

}  // namespace napari::bench
