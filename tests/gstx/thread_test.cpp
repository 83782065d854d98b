#include "gstx/thread.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gstx {
namespace {

TEST(ContextThread, RunsTasksInOrderOnItsOwnThread) {
  std::vector<int> seen;
  {
    ContextThread thread("test");
    for (int i = 0; i < 1000; ++i)
      thread.post([&, i] {
        thread.role().assert_current();
        seen.push_back(i);
      });
    thread.run_sync([&] { EXPECT_TRUE(thread.role().is_current()); });
    EXPECT_FALSE(thread.role().is_current());
  }
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(ContextThread, TheDestructorRunsWhatIsQueued) {
  std::atomic<int> count{0};
  {
    ContextThread thread("test");
    for (int i = 0; i < 100; ++i) thread.post([&] { ++count; });
  }
  EXPECT_EQ(count, 100);
}

TEST(ContextThread, ManySendersLoseNothing) {
  std::atomic<int> count{0};
  {
    ContextThread thread("test");
    std::vector<std::jthread> senders;
    for (int sender = 0; sender < 4; ++sender)
      senders.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) thread.post([&] { ++count; });
      });
    senders.clear();
    thread.run_sync([] {});
    EXPECT_EQ(count, 4000);
  }
}

TEST(ContextThread, ATaskMayPostAndTheNewTaskRunsLater) {
  std::vector<int> seen;
  ContextThread thread("test");
  thread.run_sync([&] {
    thread.post([&] { seen.push_back(2); });
    seen.push_back(1);
  });
  thread.run_sync([] {});
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
}

TEST(TaskQueue, ClosedQueuesDropTasks) {
  GMainContext* context = g_main_context_new();
  int count = 0;
  {
    TaskQueue queue(context);
    queue.post([&] { ++count; });
    while (g_main_context_iteration(context, FALSE) != FALSE) {
    }
    queue.close();
    queue.post([&] { ++count; });
    while (g_main_context_iteration(context, FALSE) != FALSE) {
    }
  }
  EXPECT_EQ(count, 1);
  g_main_context_unref(context);
}

TEST(Guarded, GivesAccessUnderTheLockOnly) {
  Guarded<int> number(5);
  EXPECT_EQ(number.with([](int& value) { return ++value; }), 6);
  EXPECT_EQ(number.copy(), 6);
}

}  // namespace
}  // namespace gstx
