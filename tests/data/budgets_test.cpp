// The chunk cache, and what the machine lets us use.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "data/chunk_cache.hpp"
#include "data/core_budget.hpp"
#include "data/memory.hpp"
#include "data/temporary_folder.hpp"
#include "data/voxel_block.hpp"

namespace napari::data {
namespace {

VoxelBlockPtr block_of(std::int64_t bytes) {
  return finish_block(*allocate_block(DType::u8, {1, 1, bytes}));
}

ChunkKey key_of(std::uint64_t dataset, std::int64_t index) {
  return {.dataset = dataset, .level = 0, .region = {{index}, {1}}};
}

TEST(ChunkCache, DropsTheLeastRecentlyUsed) {
  ChunkCache cache(100);
  EXPECT_TRUE(cache.insert(key_of(1, 0), block_of(40)));
  EXPECT_TRUE(cache.insert(key_of(1, 1), block_of(40)));
  EXPECT_NE(cache.find(key_of(1, 0)), nullptr);
  EXPECT_TRUE(cache.insert(key_of(1, 2), block_of(40)));
  EXPECT_TRUE(cache.holds(key_of(1, 0)));
  EXPECT_FALSE(cache.holds(key_of(1, 1)));
  EXPECT_EQ(cache.find(key_of(1, 1)), nullptr);
  const auto stats = cache.stats();
  EXPECT_EQ(stats.bytes, 80);
  EXPECT_EQ(stats.entries, 2);
  EXPECT_EQ(stats.hits, 1U);
  EXPECT_EQ(stats.misses, 1U);
  EXPECT_EQ(stats.evictions, 1U);
}

TEST(ChunkCache, KeepsPinnedEntriesUntilUnpinned) {
  ChunkCache cache(100);
  EXPECT_TRUE(cache.insert(key_of(1, 0), block_of(60), Pin::yes));
  EXPECT_FALSE(cache.insert(key_of(1, 1), block_of(50)));
  EXPECT_EQ(cache.stats().rejected, 1U);
  EXPECT_TRUE(cache.insert(key_of(1, 2), block_of(40)));
  EXPECT_TRUE(cache.insert(key_of(1, 3), block_of(40)));
  EXPECT_TRUE(cache.holds(key_of(1, 0)));
  cache.unpin(key_of(1, 0));
  EXPECT_EQ(cache.stats().bytes_pinned, 0);
  EXPECT_TRUE(cache.insert(key_of(1, 4), block_of(50)));
  EXPECT_FALSE(cache.holds(key_of(1, 0)));
  EXPECT_EQ(cache.stats().bytes, 90);
}

TEST(ChunkCache, ReplacesAndDropsADataset) {
  ChunkCache cache(100);
  cache.insert(key_of(1, 0), block_of(40), Pin::yes);
  cache.insert(key_of(1, 0), block_of(10));
  EXPECT_EQ(cache.stats().bytes, 10);
  EXPECT_EQ(cache.stats().bytes_pinned, 0);
  cache.insert(key_of(2, 0), block_of(20));
  cache.drop_dataset(1);
  EXPECT_FALSE(cache.holds(key_of(1, 0)));
  EXPECT_TRUE(cache.holds(key_of(2, 0)));
  cache.set_bytes_max(10);
  EXPECT_EQ(cache.stats().bytes, 0);
}

TEST(ChunkCache, ABlockInUseOutlivesItsEviction) {
  ChunkCache cache(50);
  cache.insert(key_of(1, 0), block_of(40));
  const VoxelBlockPtr held = cache.find(key_of(1, 0));
  cache.insert(key_of(1, 1), block_of(40));
  EXPECT_FALSE(cache.holds(key_of(1, 0)));
  EXPECT_EQ(block_bytes(*held), 40);
}

TEST(ChunkCache, ManyThreadsStayWithinTheBound) {
  ChunkCache cache(1000);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&cache, t] {
        for (std::int64_t i = 0; i < 500; ++i) {
          cache.insert(key_of(t % 2, i % 37), block_of(1 + i % 90),
                       i % 50 == 0 ? Pin::yes : Pin::no);
          (void)cache.find(key_of(t % 2, (i * 7) % 37));
          if (i % 50 == 0) cache.unpin(key_of(t % 2, i % 37));
          EXPECT_LE(cache.stats().bytes, 1000);
        }
      });
    }
  }
  cache.drop_dataset(0);
  cache.drop_dataset(1);
  EXPECT_EQ(cache.stats().bytes, 0);
  EXPECT_EQ(cache.stats().entries, 0);
}

TEST(CoreBudget, TheTightestLimitCounts) {
  EXPECT_EQ(share_cores({.affinity = 16}).usable, 16);
  EXPECT_EQ(share_cores({.affinity = 16, .cgroup_cores = 4.0}).usable, 4);
  EXPECT_EQ(share_cores({.affinity = 16, .cgroup_cores = 4.0, .slurm_cores = 2}).usable, 2);
  EXPECT_EQ(share_cores({.affinity = 2, .cgroup_cores = 64.0, .slurm_cores = 8}).usable, 2);
  EXPECT_EQ(share_cores({.affinity = 8, .cgroup_cores = 0.2}).usable, 1);
}

TEST(CoreBudget, EverybodyGetsSomeAndNobodyTooMuch) {
  for (int cores = 1; cores <= 256; ++cores) {
    const CoreBudget budget = share_cores({.affinity = cores});
    EXPECT_GE(budget.draw_threads, 1);
    EXPECT_LE(budget.draw_threads, cores);
    EXPECT_GE(budget.encoder_threads, 1);
    EXPECT_GE(budget.loader_threads, 1);
    EXPECT_LE(budget.encoder_threads, cores);
  }
}

class Machine : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const auto file = folder_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  TemporaryFolder folder_;
};

TEST_F(Machine, ReadsCgroupV2QuotaOnTheWayUp) {
  write("proc/self/cgroup", "0::/job/step\n");
  write("sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/job/cpu.max", "250000 100000\n");
  EXPECT_EQ(read_core_facts(folder_.path()).cgroup_cores, 2.5);
}

TEST_F(Machine, ReadsCgroupV1Quota) {
  write("proc/self/cgroup", "4:cpu,cpuacct:/job\n9:memory:/job\n");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "300000\n");
  write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000\n");
  write("proc/meminfo", "MemTotal:       2000000 kB\n");
  EXPECT_EQ(read_core_facts(folder_.path()).cgroup_cores, 3.0);
  EXPECT_EQ(usable_ram_bytes(folder_.path()), 1000000);
}

TEST_F(Machine, NoLimitIsNoLimit) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  write("proc/meminfo", "MemTotal:       2000000 kB\nMemFree: 1 kB\n");
  EXPECT_FALSE(read_core_facts(folder_.path()).cgroup_cores);
  EXPECT_EQ(usable_ram_bytes(folder_.path()), 2048000000);
  EXPECT_EQ(default_budget_bytes(folder_.path()), 512000000);
}

TEST_F(Machine, SlurmSaysHowManyCores) {
  setenv("SLURM_CPUS_PER_TASK", "3", 1);
  EXPECT_EQ(read_core_facts(folder_.path()).slurm_cores, 3);
  setenv("SLURM_CPUS_PER_TASK", "junk", 1);
  EXPECT_FALSE(read_core_facts(folder_.path()).slurm_cores);
  unsetenv("SLURM_CPUS_PER_TASK");
}

TEST(ByteSize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_byte_size("1500000", 0), 1500000);
  EXPECT_EQ(parse_byte_size("512M", 0), 512 << 20);
  EXPECT_EQ(parse_byte_size("2G", 0), std::int64_t{2} << 30);
  EXPECT_EQ(parse_byte_size("2GiB", 0), std::int64_t{2} << 30);
  EXPECT_EQ(parse_byte_size("1.5k", 0), 1536);
  EXPECT_EQ(parse_byte_size("25%", 1000), 250);
  for (const char* bad :
       {"", "x", "-1", "0", "2X", "101%", "0%", "nan", "inf", "1e300", "2 G", "G", "1GG"}) {
    EXPECT_FALSE(parse_byte_size(bad, 1000)) << bad;
  }
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(12), "12 B");
}

}  // namespace
}  // namespace napari::data
