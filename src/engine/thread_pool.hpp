// A small pool for work cut into tiles: the caller and `threads` - 1 workers take tile after tile until none is left.
// Not a queue: one job at a time; a second caller, while one runs, does its own tiles itself instead of waiting.
// Threads: `run` is [any]. Owns: its workers, joined by the destructor.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace napari::engine {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // clamped to 1..64; 1: no worker, the caller does it all
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  using Tile = std::function<void(int tile)>;
  // Runs `work(0 .. tiles - 1)`, each once, in any order, and returns when all are done. A requested stop is looked at
  // before every tile; returns false when that left tiles undone.
  bool run(int tiles, const Tile& work, const std::stop_token& stop);

  [[nodiscard]] int threads() const { return static_cast<int>(workers_.size()) + 1; }

 private:
  struct Job {
    const Tile* work{nullptr};
    const std::stop_token* stop{nullptr};
    int tiles{0};
    std::atomic<int> next{0};
    std::atomic<bool> stopped{false};
  };
  static void take_tiles(Job& job);
  void work_loop();

  std::vector<std::thread> workers_;
  std::mutex caller_mutex_;  // held by the caller whose job the workers help with

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  Job* job_{nullptr};
  int busy_{0};  // workers inside job_
  std::uint64_t generation_{0};
  bool closing_{false};
};

}  // namespace napari::engine
