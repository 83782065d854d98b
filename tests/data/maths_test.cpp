// Boxes, budgets, statistics: pure functions against brute force.
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "data/brick_maxima.hpp"
#include "data/latency_stats.hpp"
#include "data/level_budget.hpp"
#include "data/roi.hpp"
#include "data/voxel_block.hpp"

namespace napari::data {
namespace {

using Numbers = std::vector<std::int64_t>;

class Boxes : public testing::Test {
 protected:
  std::int64_t number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  Region region(const Numbers& shape) {
    Region result;
    for (const std::int64_t extent : shape) {
      result.start.push_back(number(0, extent - 1));
      result.shape.push_back(number(1, extent - result.start.back()));
    }
    return result;
  }
  std::mt19937_64 random_{3};
};

TEST_F(Boxes, ChunksTileTheRegionOnce) {
  for (int round = 0; round < 300; ++round) {
    const Numbers shape{number(1, 7), number(1, 30), number(1, 30)};
    const Numbers chunk{number(1, 3), number(1, 12), number(1, 40)};
    const Region box = region(shape);
    const auto parts = round % 2 == 0 ? split_by_chunks(box, chunk)
                                      : split_by_bytes(box, chunk, DType::u16, number(1, 4000));
    std::vector<int> seen(static_cast<std::size_t>(whole(shape).voxels()), 0);
    for (const Region& part : parts) {
      ASSERT_TRUE(contains(box, part));
      for (std::int64_t z = 0; z < part.shape[0]; ++z) {
        for (std::int64_t y = 0; y < part.shape[1]; ++y) {
          for (std::int64_t x = 0; x < part.shape[2]; ++x) {
            const std::int64_t at =
                ((part.start[0] + z) * shape[1] + part.start[1] + y) * shape[2] + part.start[2] + x;
            ++seen[static_cast<std::size_t>(at)];
          }
        }
      }
    }
    std::int64_t covered = 0;
    for (const int count : seen) {
      ASSERT_LE(count, 1);
      covered += count;
    }
    ASSERT_EQ(covered, box.voxels());
    if (round % 2 == 0) {
      ASSERT_EQ(static_cast<std::int64_t>(parts.size()), chunk_count(box, chunk));
    }
  }
}

TEST_F(Boxes, BytesBoundTheParts) {
  const Numbers shape{64, 512, 512};
  const Numbers chunk{16, 64, 64};
  const std::int64_t bytes_max = 16 * 64 * 512 * 2;
  for (const Region& part : split_by_bytes(whole(shape), chunk, DType::u16, bytes_max)) {
    EXPECT_EQ(part.shape, (Numbers{16, 64, 512}));
  }
  EXPECT_EQ(split_by_bytes(whole(shape), chunk, DType::u16, 1).size(), 4U * 8U * 8U);
  EXPECT_EQ(split_by_bytes(whole(shape), chunk, DType::u16, 1 << 30).size(), 1U);
}

TEST_F(Boxes, AlignmentIsTheSmallestGridBox) {
  for (int round = 0; round < 300; ++round) {
    const Numbers shape{number(1, 50), number(1, 50)};
    const Numbers chunk{number(1, 20), number(1, 20)};
    const Region box = region(shape);
    const Region aligned = align_to_chunks(box, chunk, shape);
    ASSERT_TRUE(contains(aligned, box));
    ASSERT_TRUE(contains(whole(shape), aligned));
    ASSERT_EQ(chunk_count(aligned, chunk), chunk_count(box, chunk));
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const std::int64_t end = aligned.start[axis] + aligned.shape[axis];
      ASSERT_EQ(aligned.start[axis] % chunk[axis], 0);
      ASSERT_TRUE(end % chunk[axis] == 0 || end == shape[axis]);
    }
  }
}

TEST_F(Boxes, ClampIntersectUnite) {
  const Numbers shape{10, 10};
  EXPECT_EQ(clamp({{-5, 8}, {8, 8}}, shape), (Region{{0, 8}, {3, 2}}));
  EXPECT_TRUE(is_empty(clamp({{20, 0}, {5, 5}}, shape)));
  EXPECT_TRUE(is_empty(clamp({{-20, 0}, {5, 5}}, shape)));
  EXPECT_EQ(intersect({{0, 0}, {4, 4}}, {{2, 3}, {4, 4}}), (Region{{2, 3}, {2, 1}}));
  EXPECT_TRUE(is_empty(intersect({{0, 0}, {2, 2}}, {{2, 0}, {2, 2}})));
  EXPECT_EQ(unite({{0, 0}, {2, 2}}, {{5, 1}, {2, 2}}), (Region{{0, 0}, {7, 3}}));
  EXPECT_EQ(unite({{0, 0}, {0, 2}}, {{5, 1}, {2, 2}}), (Region{{5, 1}, {2, 2}}));
}

TEST_F(Boxes, SizesSaturate) {
  const std::int64_t big = std::int64_t{1} << 40;
  EXPECT_EQ(region_bytes({{0, 0}, {big, big}}, DType::u8),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(region_bytes({{0, 0}, {3, 5}}, DType::f64), 120);
  EXPECT_EQ(region_bytes({{0, 0}, {0, big}}, DType::f64), 0);
  EXPECT_EQ(chunk_count({{0, 0}, {0, 5}}, Numbers{1, 1}), 0);
}

template <typename T>
void check_bricks(DType dtype, std::array<std::int64_t, 3> shape, int threads) {
  auto draft = allocate_block(dtype, shape);
  ASSERT_TRUE(draft);
  std::mt19937 random(static_cast<unsigned>(shape[2]));
  auto* voxels = reinterpret_cast<T*>(draft->voxels.data());
  const std::size_t count = draft->voxels.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    voxels[i] =
        static_cast<T>(static_cast<double>(random() % 250) - (std::is_signed_v<T> ? 125 : 0));
    if constexpr (std::is_floating_point_v<T>) {
      if (random() % 3 == 0) voxels[i] = std::numeric_limits<T>::quiet_NaN();
    }
  }
  const VoxelBlockPtr block = finish_block(std::move(*draft));
  const auto bricks = make_brick_maxima(*block, threads);
  for (std::int64_t bz = 0; bz < bricks->shape[0]; ++bz) {
    for (std::int64_t by = 0; by < bricks->shape[1]; ++by) {
      for (std::int64_t bx = 0; bx < bricks->shape[2]; ++bx) {
        float best = -std::numeric_limits<float>::infinity();
        for (std::int64_t z = std::max<std::int64_t>(0, bz * 8 - 1);
             z < std::min(shape[0], bz * 8 + 9); ++z) {
          for (std::int64_t y = std::max<std::int64_t>(0, by * 8 - 1);
               y < std::min(shape[1], by * 8 + 9); ++y) {
            for (std::int64_t x = std::max<std::int64_t>(0, bx * 8 - 1);
                 x < std::min(shape[2], bx * 8 + 9); ++x) {
              const T value = voxels[(z * shape[1] + y) * shape[2] + x];
              if (static_cast<float>(value) > best) best = static_cast<float>(value);
            }
          }
        }
        ASSERT_EQ(bricks->max[static_cast<std::size_t>(
                      (bz * bricks->shape[1] + by) * bricks->shape[2] + bx)],
                  best);
      }
    }
  }
}

TEST(BrickMaxima, CoverTheNeighbourhoodAndIgnoreNaN) {
  for (const int threads : {1, 3}) {
    check_bricks<std::uint8_t>(DType::u8, {17, 9, 33}, threads);
    check_bricks<std::int16_t>(DType::i16, {8, 16, 24}, threads);
    check_bricks<float>(DType::f32, {1, 7, 65}, threads);
    check_bricks<double>(DType::f64, {10, 3, 8}, threads);
    check_bricks<std::int32_t>(DType::i32, {1, 1, 1}, threads);
  }
}

TEST(VoxelBlock, HasPaddingAndItsOwnId) {
  auto draft = allocate_block(DType::u16, {2, 3, 5});
  ASSERT_TRUE(draft);
  EXPECT_EQ(draft->voxels.size(), 60U);
  for (std::size_t i = 0; i < kOverReadBytes; ++i) {
    EXPECT_EQ(draft->memory.get()[60 + i], std::byte{0});
  }
  const VoxelBlockPtr first = finish_block(std::move(*draft));
  const VoxelBlockPtr second = finish_block(*allocate_block(DType::u8, {1, 1, 1}));
  EXPECT_NE(first->id, second->id);
  EXPECT_NE(first->id, 0U);
  EXPECT_EQ(block_bytes(*first), 60);
}

TEST(VoxelBlock, RefusesWhatCannotBe) {
  EXPECT_FALSE(allocate_block(DType::u8, {0, 1, 1}));
  EXPECT_FALSE(allocate_block(DType::u8, {-1, 1, 1}));
  EXPECT_FALSE(allocate_block(DType::f64, {std::int64_t{1} << 40, std::int64_t{1} << 40, 4}));
}

TEST(LevelBudget, TakesTheFinestThatFits) {
  std::vector<Level> levels(3);
  levels[0] = {.path = "0", .shape = {2, 512, 512, 512}, .dtype = DType::u16};
  levels[1] = {.path = "1", .shape = {2, 256, 256, 256}, .dtype = DType::u16};
  levels[2] = {.path = "2", .shape = {2, 128, 128, 128}, .dtype = DType::u16};
  const std::vector<int> axes{1, 2, 3};
  EXPECT_EQ(displayed_voxels(levels[2], axes), 128 * 128 * 128);
  EXPECT_EQ(finest_level_within(levels, axes, {}), 0);
  EXPECT_EQ(finest_level_within(levels, axes, {.bytes_max = 2 << 24}), 1);
  EXPECT_EQ(finest_level_within(levels, axes, {.bytes_max = (2 << 24) - 1}), 2);
  EXPECT_EQ(finest_level_within(levels, axes, {.voxels_max = 1}), 2);
  EXPECT_EQ(coarsest_level(levels, axes), 2);
}

TEST(LatencyStats, PercentilesAreNearestRank) {
  LatencyStats<128> stats;
  EXPECT_EQ(stats.summary().count, 0U);
  for (int i = 1000; i < 2000; ++i) stats.add(i);  // overwritten
  for (int i = 128; i >= 1; --i) stats.add(i);
  const auto summary = stats.summary();
  EXPECT_EQ(summary.count, 128U);
  EXPECT_EQ(summary.p50_ns, 64);
  EXPECT_EQ(summary.p95_ns, 122);
  EXPECT_EQ(summary.p99_ns, 127);
  EXPECT_EQ(summary.max_ns, 128);
  EXPECT_EQ(summary.last_ns, 1);
  EXPECT_EQ(stats.total(), 1128U);
}

}  // namespace
}  // namespace napari::data
