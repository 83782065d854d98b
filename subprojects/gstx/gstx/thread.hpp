// Threads as objects, and the compiler's help in keeping each datum on its thread.
//   ThreadRole      a capability that says "runs on this thread"; clang's -Wthread-safety checks
//                   GSTX_RUN_ON / GSTX_GUARDED_BY, `assert_current()` checks at run time
//   ContextThread   a thread with its own GMainContext and task queue
//   Guarded<T>      the rare datum that two threads share: unreachable without its lock
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <glib.h>

#if defined(__clang__)
#define GSTX_ATTRIBUTE(x) __attribute__((x))
#else
#define GSTX_ATTRIBUTE(x)
#endif
#define GSTX_CAPABILITY(x) GSTX_ATTRIBUTE(capability(x))
#define GSTX_GUARDED_BY(x) GSTX_ATTRIBUTE(guarded_by(x))
#define GSTX_RUN_ON(x) GSTX_ATTRIBUTE(requires_capability(x))
#define GSTX_ASSERT_CAPABILITY(x) GSTX_ATTRIBUTE(assert_capability(x))

namespace gstx {

class GSTX_CAPABILITY("thread") ThreadRole {
 public:
  // Binds the role to the calling thread.
  void bind() { owner_ = std::this_thread::get_id(); }
  [[nodiscard]] bool is_current() const { return owner_ == std::this_thread::get_id(); }
  void assert_current() const GSTX_ASSERT_CAPABILITY(this) { g_assert(is_current()); }

 private:
  std::thread::id owner_;
};

template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  // Runs `function(T&)` with the lock held and returns its result. Never call out from it.
  template <typename Function>
  auto with(Function&& function) {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(value_);
  }
  template <typename Function>
  auto with(Function&& function) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(std::as_const(value_));
  }
  [[nodiscard]] T copy() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

// A queue of tasks that a GMainContext runs, in order, one wake-up for many. Not g_main_context_invoke,
// which may run inline. Owns its GSource. `post` is [any]; destroy on the context's thread or after its loop ended.
class TaskQueue {
 public:
  using Task = std::function<void()>;
  // `context` null: the default context.
  explicit TaskQueue(GMainContext* context);
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  void post(Task task);  // [any] tasks posted after `close` are dropped
  void close();          // [any] drops what is queued
  void run_pending();    // [context] what the source calls

 private:
  std::mutex mutex_;
  std::deque<Task> tasks_;
  bool closed_{false};
  GSource* source_{nullptr};
};

// A thread that runs a GMainContext. The destructor runs what is queued, then joins.
class ContextThread {
 public:
  explicit ContextThread(std::string name);
  ~ContextThread();
  ContextThread(const ContextThread&) = delete;
  ContextThread& operator=(const ContextThread&) = delete;

  void post(TaskQueue::Task task) { queue_->post(std::move(task)); }  // [any]
  // [any but this thread] Blocks until `task` has run. Never with a lock held, never from main while serving.
  void run_sync(const TaskQueue::Task& task);
  [[nodiscard]] GMainContext* context() const { return context_; }
  [[nodiscard]] const ThreadRole& role() const GSTX_ATTRIBUTE(lock_returned(role_)) {
    return role_;
  }

 private:
  GMainContext* context_;
  GMainLoop* loop_;
  ThreadRole role_;
  std::unique_ptr<TaskQueue> queue_;
  std::thread thread_;
};

}  // namespace gstx
