#include "data/brick_maxima.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <thread>
#include <vector>

#include "data/dispatch.hpp"

namespace napari::data {

namespace {

template <typename T>
constexpr T lowest() {
  if constexpr (std::numeric_limits<T>::has_infinity) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

// The order of the operands matters: a NaN in `row` never wins.
template <typename T>
void raise_to(T* __restrict__ best, const T* __restrict__ row, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) best[i] = row[i] > best[i] ? row[i] : best[i];
}

struct Extent {
  std::int64_t first;
  std::int64_t end;
};

// Voxels that a brick covers along one axis, with its neighbourhood.
Extent covered(std::int64_t brick, std::int64_t length) {
  return {std::max<std::int64_t>(0, brick * kBrickEdge - 1),
          std::min<std::int64_t>(length, (brick + 1) * kBrickEdge + 1)};
}

// One row of bricks: first the maximum over all its voxel rows column by column (which vectorises),
// then across.
template <typename T>
void fill_brick_row(const VoxelBlock& block, std::int64_t brick_z, std::int64_t brick_y,
                    std::vector<T>& columns, std::span<float> out) {
  const auto* voxels = reinterpret_cast<const T*>(block.voxels.get());
  const std::int64_t width = block.shape[2];
  const Extent z = covered(brick_z, block.shape[0]);
  const Extent y = covered(brick_y, block.shape[1]);
  std::fill(columns.begin(), columns.end(), lowest<T>());
  for (std::int64_t iz = z.first; iz < z.end; ++iz) {
    for (std::int64_t iy = y.first; iy < y.end; ++iy) {
      raise_to(columns.data(), voxels + (iz * block.shape[1] + iy) * width, width);
    }
  }
  for (std::size_t brick_x = 0; brick_x < out.size(); ++brick_x) {
    const Extent x = covered(static_cast<std::int64_t>(brick_x), width);
    T best = lowest<T>();
    for (std::int64_t ix = x.first; ix < x.end; ++ix) best = std::max(best, columns[ix]);
    out[brick_x] = static_cast<float>(best);
  }
}

template <typename T>
void fill_bricks(const VoxelBlock& block, BrickMaxima& bricks, std::int64_t first,
                 std::int64_t end) {
  std::vector<T> columns(static_cast<std::size_t>(block.shape[2]));
  const auto width = static_cast<std::size_t>(bricks.shape[2]);
  for (std::int64_t row = first; row < end; ++row) {
    fill_brick_row<T>(block, row / bricks.shape[1], row % bricks.shape[1], columns,
                      std::span(bricks.max).subspan(static_cast<std::size_t>(row) * width, width));
  }
}

}  // namespace

std::shared_ptr<const BrickMaxima> make_brick_maxima(const VoxelBlock& block, int threads) {
  auto bricks = std::make_shared<BrickMaxima>();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    bricks->shape[axis] = (block.shape[axis] + kBrickEdge - 1) / kBrickEdge;
  }
  const std::int64_t rows = bricks->shape[0] * bricks->shape[1];
  bricks->max.resize(static_cast<std::size_t>(rows * bricks->shape[2]));
  const auto workers = std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(1, rows));
  dispatch(block.dtype, [&]<typename T>() {
    std::vector<std::jthread> pool;
    for (std::int64_t worker = 1; worker < workers; ++worker) {
      pool.emplace_back([&, worker] {
        fill_bricks<T>(block, *bricks, rows * worker / workers, rows * (worker + 1) / workers);
      });
    }
    fill_bricks<T>(block, *bricks, 0, rows / workers);
  });
  return bricks;
}

}  // namespace napari::data
