#include "gstx/thread.hpp"

#include <pthread.h>

namespace gstx {
namespace {

struct QueueSource {
  GSource base;
  TaskQueue* queue;
};

GSourceFuncs queue_funcs = {
    .prepare = nullptr,
    .check = nullptr,
    .dispatch = [](GSource* source, GSourceFunc, gpointer) noexcept -> gboolean {
      g_source_set_ready_time(source, -1);
      reinterpret_cast<QueueSource*>(source)->queue->run_pending();
      return G_SOURCE_CONTINUE;
    },
    .finalize = nullptr,
    .closure_callback = nullptr,
    .closure_marshal = nullptr,
};

}  // namespace

TaskQueue::TaskQueue(GMainContext* context)
    : source_(g_source_new(&queue_funcs, sizeof(QueueSource))) {
  reinterpret_cast<QueueSource*>(source_)->queue = this;
  g_source_set_static_name(source_, "gstx-task-queue");
  g_source_attach(source_, context);
}

TaskQueue::~TaskQueue() {
  close();
  g_source_destroy(source_);
  g_source_unref(source_);
}

void TaskQueue::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    tasks_.push_back(std::move(task));
    if (tasks_.size() > 1) return;  // already woken
  }
  g_source_set_ready_time(source_, 0);
}

void TaskQueue::close() {
  std::deque<Task> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

void TaskQueue::run_pending() {
  std::deque<Task> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(tasks_);
  }
  for (auto& task : batch) task();
}

ContextThread::ContextThread(std::string name)
    : context_(g_main_context_new()), loop_(g_main_loop_new(context_, FALSE)) {
  queue_ = std::make_unique<TaskQueue>(context_);
  thread_ = std::thread([this, name = std::move(name)] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    g_main_context_push_thread_default(context_);
    g_main_loop_run(loop_);
    g_main_context_pop_thread_default(context_);
  });
  run_sync([this] { role_.bind(); });
}

ContextThread::~ContextThread() {
  queue_->post([this] { g_main_loop_quit(loop_); });
  thread_.join();
  queue_.reset();
  g_main_loop_unref(loop_);
  g_main_context_unref(context_);
}

void ContextThread::run_sync(const TaskQueue::Task& task) {
  g_assert(std::this_thread::get_id() != thread_.get_id());
  std::mutex mutex;
  std::condition_variable done_condition;
  bool done = false;
  queue_->post([&] {
    task();
    const std::lock_guard lock(mutex);
    done = true;
    done_condition.notify_one();  // under the lock: the waiter owns the condition variable
  });
  std::unique_lock lock(mutex);
  done_condition.wait(lock, [&] { return done; });
}

}  // namespace gstx
