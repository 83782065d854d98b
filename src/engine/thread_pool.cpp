#include "engine/thread_pool.hpp"

#include <algorithm>

namespace napari::engine {

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < std::clamp(threads, 1, 64); ++i) {
    workers_.emplace_back([this] { work_loop(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_tiles(Job& job) {
  for (;;) {
    if (job.stop->stop_requested()) {
      if (job.next.load(std::memory_order_relaxed) < job.tiles) job.stopped = true;
      return;
    }
    const int tile = job.next.fetch_add(1, std::memory_order_relaxed);
    if (tile >= job.tiles) return;
    (*job.work)(tile);
  }
}

bool ThreadPool::run(int tiles, const Tile& work, const std::stop_token& stop) {
  Job job;
  job.work = &work;
  job.stop = &stop;
  job.tiles = tiles;
  const std::unique_lock caller(caller_mutex_, std::try_to_lock);
  const bool helped = caller.owns_lock() && !workers_.empty() && tiles > 1;
  if (helped) {
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      ++generation_;
    }
    wake_.notify_all();
  }
  take_tiles(job);
  if (helped) {
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    idle_.wait(lock, [this] { return busy_ == 0; });
  }
  return !job.stopped;
}

void ThreadPool::work_loop() {
  std::unique_lock lock(mutex_);
  std::uint64_t seen = 0;
  for (;;) {
    wake_.wait(lock, [&] { return closing_ || (job_ != nullptr && generation_ != seen); });
    if (closing_) return;
    seen = generation_;
    Job* const job = job_;
    ++busy_;
    lock.unlock();
    take_tiles(*job);
    lock.lock();
    if (--busy_ == 0) idle_.notify_all();
  }
}

}  // namespace napari::engine
