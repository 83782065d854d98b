// The loader's pool, the camera queue and the mailbox.
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "data/config.hpp"
#include "fakes/blocking_source.hpp"
#include "fakes/patience.hpp"
#include "fakes/wait_until.hpp"
#include "runtime/block_loader.hpp"
#include "runtime/camera_queue.hpp"
#include "runtime/mailbox.hpp"

namespace napari::runtime {
namespace {

using fakes::BlockingSource;
using fakes::wait_until;

class BlockLoaderTest : public testing::Test {
 protected:
  LoadRequest tile(int level, std::int64_t row, int priority) const {
    LoadRequest request;
    request.key.chunk = {1, level, {{row, 0}, {1, 16}}};
    request.source = source_;
    request.priority = priority;
    return request;
  }
  std::size_t delivered() {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }
  LoadResult result(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return results_[i];
  }

  std::shared_ptr<BlockingSource> source_ =
      std::make_shared<BlockingSource>(std::vector<std::int64_t>{64, 64}, 16, 3);
  std::mutex mutex_;
  std::vector<LoadResult> results_;
  BlockLoader loader_{2, [this](LoadResult result) {
                        const std::lock_guard lock(mutex_);
                        results_.push_back(std::move(result));
                      }};
};

TEST_F(BlockLoaderTest, DeliversEachRequestOnce) {
  for (int i = 0; i < 50; ++i) loader_.want({tile(0, 1, 1), tile(0, 2, 1), tile(0, 1, 1)});
  ASSERT_TRUE(wait_until([&] { return delivered() == 2; }));
  loader_.want({tile(0, 1, 1), tile(0, 2, 1)});
  EXPECT_EQ(source_->reads(), 2);
  EXPECT_EQ(result(0).request.key.chunk.level, 0);
  ASSERT_TRUE(result(0).block);
  loader_.want({});
  loader_.want({tile(0, 1, 1)});
  EXPECT_TRUE(wait_until([&] { return delivered() == 3; }))
      << "absent once, it may be asked for again";
}

TEST_F(BlockLoaderTest, CancelsWhatIsNoLongerWantedWithin50ms) {
  source_->shut(0);
  loader_.want({tile(0, 1, 1), tile(0, 2, 1), tile(0, 3, 1)});
  ASSERT_TRUE(wait_until([&] { return source_->waiting() == 2; }))
      << "one thread is kept for priority 0";
  const auto before = std::chrono::steady_clock::now();
  loader_.want({});
  ASSERT_TRUE(wait_until([&] { return source_->waiting() == 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - before,
            std::chrono::milliseconds(50) * fakes::patience());
  EXPECT_EQ(loader_.stats().cancelled, 3U);
  EXPECT_EQ(delivered(), 0U);
}

TEST_F(BlockLoaderTest, UrgentReadsPassThoseThatHang) {
  source_->shut(0);
  loader_.want({tile(0, 1, 1), tile(0, 2, 1)});
  ASSERT_TRUE(wait_until([&] { return source_->waiting() == 2; }));
  loader_.want({tile(2, 1, 0), tile(0, 1, 1), tile(0, 2, 1)});
  ASSERT_TRUE(wait_until([&] { return delivered() == 1; }));
  EXPECT_EQ(result(0).request.key.chunk.level, 2);
  EXPECT_EQ(source_->waiting(), 2) << "what is still wanted goes on";
  source_->open(0);
  EXPECT_TRUE(wait_until([&] { return delivered() == 3; }));
}

TEST_F(BlockLoaderTest, ReportsAFailureOnceWithItsReason) {
  source_->break_level(1);
  loader_.want({tile(1, 0, 1)});
  ASSERT_TRUE(wait_until([&] { return delivered() == 1; }));
  ASSERT_FALSE(result(0).block);
  EXPECT_NE(result(0).block.error().message.find("/synthetic/1"), std::string::npos);
  EXPECT_EQ(loader_.stats().failed, 1U);
}

TEST(CameraQueue, MergesNeighboursOfOneKind) {
  CameraQueue queue;
  for (int i = 1; i <= 5000; ++i)
    queue.push({.kind = scene::CameraCommandKind::pan,
                .scene_version = static_cast<std::uint64_t>(i),
                .delta_px = {1, -2}});
  queue.push({.kind = scene::CameraCommandKind::zoom, .factor = 2, .anchor_px = {1, 1}});
  queue.push({.kind = scene::CameraCommandKind::zoom, .factor = 3, .anchor_px = {1, 1}});
  queue.push({.kind = scene::CameraCommandKind::zoom, .factor = 3, .anchor_px = {2, 1}});
  const auto commands = queue.take();
  ASSERT_EQ(commands.size(), 3U);
  EXPECT_EQ(commands[0].delta_px, (data::Vec2{5000, -10000}));
  EXPECT_EQ(commands[0].scene_version, 5000U);
  EXPECT_EQ(commands[1].factor, 6);
  EXPECT_TRUE(queue.take().empty());
}

TEST(CameraQueue, IsBoundedAndDoesNotMergeAcrossAModeChange) {
  CameraQueue queue;
  queue.push({.kind = scene::CameraCommandKind::pan, .delta_px = {1, 1}});
  queue.split();
  queue.push({.kind = scene::CameraCommandKind::pan, .delta_px = {1, 1}});
  EXPECT_EQ(queue.take().size(), 2U);
  for (std::size_t i = 0; i < 2 * data::kCameraCommandsMax; ++i)
    queue.push({.kind = scene::CameraCommandKind::set});
  EXPECT_EQ(queue.dropped(), data::kCameraCommandsMax);
  EXPECT_EQ(queue.take().size(), data::kCameraCommandsMax);
}

TEST(CameraQueue, FactorsThatWouldOverflowAreNotMerged) {
  CameraQueue queue;
  queue.push({.kind = scene::CameraCommandKind::zoom, .factor = 1e200});
  queue.push({.kind = scene::CameraCommandKind::zoom, .factor = 1e200});
  EXPECT_EQ(queue.take().size(), 2U);
}

TEST(Mailbox, TheLatestWins) {
  Mailbox<int> mailbox;
  EXPECT_FALSE(mailbox.take());
  mailbox.put(1);
  mailbox.put(2);
  EXPECT_EQ(mailbox.take(), 2);
  EXPECT_FALSE(mailbox.take());
}

}  // namespace
}  // namespace napari::runtime
