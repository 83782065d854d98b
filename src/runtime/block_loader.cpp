#include "runtime/block_loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>

#include "runtime/read_job.hpp"

namespace napari::runtime {

class BlockLoader::Pool {
 public:
  Pool(int threads, std::function<void(LoadResult)> done) : done_(std::move(done)) {
    for (int i = 0; i < threads + 1; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  ~Pool() { close(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void close();
  void want(std::vector<LoadRequest> requests);
  [[nodiscard]] LoaderStats stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  // A request on its way. Guarded by mutex_, but for `job`, whose parts belong to whoever took them.
  struct Entry {
    LoadRequest request;  // never written again
    int priority{0};
    std::stop_source stop;
    std::unique_ptr<ReadJob> job;  // made by the thread that takes the first part
    bool making{false};
    bool delivered{false};
    std::size_t parts_taken{0};
    std::size_t parts_done{0};
  };
  using EntryPtr = std::shared_ptr<Entry>;

  void run(int number);
  [[nodiscard]] EntryPtr take(bool urgent_only);
  // [io] Without the lock held.
  void make_job(const EntryPtr& entry);
  void read_part(const EntryPtr& entry, std::size_t part);
  void fail(const EntryPtr& entry, gstx::Error error);

  static bool has_work(const Entry& entry) {
    if (entry.delivered || entry.making) return false;
    return !entry.job || entry.parts_taken < entry.job->part_count();
  }

  mutable std::mutex mutex_;
  std::condition_variable work_;
  bool closed_{false};
  std::unordered_map<LoadKey, EntryPtr, LoadKeyHash> entries_;
  std::vector<EntryPtr> order_;  // most urgent first
  LoaderStats stats_;
  std::function<void(LoadResult)> done_;
  std::vector<std::thread> threads_;
};

void BlockLoader::Pool::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [key, entry] : entries_) entry->stop.request_stop();
    order_.clear();
  }
  work_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void BlockLoader::Pool::want(std::vector<LoadRequest> requests) {
  std::vector<EntryPtr> dropped;  // freed outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    std::unordered_map<LoadKey, EntryPtr, LoadKeyHash> kept;
    std::vector<EntryPtr> order;
    for (auto& request : requests) {
      if (kept.contains(request.key)) continue;
      const int priority = request.priority;
      EntryPtr entry;
      if (const auto known = entries_.find(request.key); known != entries_.end()) {
        entry = known->second;
      } else {
        entry = std::make_shared<Entry>();
        entry->request = std::move(request);
      }
      entry->priority = priority;
      kept.emplace(entry->request.key, entry);
      order.push_back(std::move(entry));
    }
    std::stable_sort(order.begin(), order.end(), [](const EntryPtr& a, const EntryPtr& b) {
      return a->priority < b->priority;
    });
    for (auto& [key, entry] : entries_) {
      if (kept.contains(key)) continue;
      if (!entry->delivered) {
        entry->stop.request_stop();
        ++stats_.cancelled;
      }
      dropped.push_back(entry);
    }
    entries_.swap(kept);
    order_.swap(order);
  }
  work_.notify_all();
}

BlockLoader::Pool::EntryPtr BlockLoader::Pool::take(bool urgent_only) {
  for (const auto& entry : order_) {
    if (urgent_only && entry->priority > 0) return nullptr;
    if (has_work(*entry)) return entry;
  }
  return nullptr;
}

void BlockLoader::Pool::run(int number) {
  pthread_setname_np(pthread_self(), fmt::format("io-{}", number).c_str());
  const bool urgent_only = number == 0;
  std::unique_lock lock(mutex_);
  while (true) {
    EntryPtr entry;
    work_.wait(lock, [&] { return closed_ || (entry = take(urgent_only)) != nullptr; });
    if (closed_) return;
    if (!entry->job) {
      entry->making = true;
      lock.unlock();
      make_job(entry);
    } else {
      const std::size_t part = entry->parts_taken++;
      lock.unlock();
      read_part(entry, part);
    }
    entry.reset();
    lock.lock();
  }
}

void BlockLoader::Pool::make_job(const EntryPtr& entry) {
  auto job = ReadJob::make(entry->request);
  if (!job) {
    fail(entry, std::move(job).error());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    entry->job = std::make_unique<ReadJob>(std::move(*job));
    entry->making = false;
  }
  work_.notify_all();
}

void BlockLoader::Pool::read_part(const EntryPtr& entry, std::size_t part) {
  const auto read = entry->job->read_part(part, entry->stop.get_token());
  if (!read) {
    if (!entry->stop.stop_requested()) fail(entry, read.error());
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ++stats_.reads;
    stats_.bytes += static_cast<std::uint64_t>(*read);
    if (++entry->parts_done < entry->job->part_count()) return;
  }
  if (entry->stop.stop_requested()) return;
  LoadResult result = entry->job->finish();
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || entry->delivered) return;
    entry->delivered = true;
  }
  done_(std::move(result));
}

void BlockLoader::Pool::fail(const EntryPtr& entry, gstx::Error error) {
  LoadRequest request;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
    if (closed_ || entry->delivered || entry->stop.stop_requested()) return;
    entry->delivered = true;
    entry->making = false;
    request = entry->request;
  }
  entry->stop.request_stop();  // the other parts are of no use
  done_({std::move(request), gstx::fail(std::move(error)), nullptr});
}

BlockLoader::BlockLoader(int threads, std::function<void(LoadResult)> done)
    : pool_(std::make_unique<Pool>(threads, std::move(done))) {}
BlockLoader::~BlockLoader() = default;

void BlockLoader::want(std::vector<LoadRequest> requests) { pool_->want(std::move(requests)); }
void BlockLoader::close() { pool_->close(); }
LoaderStats BlockLoader::stats() const { return pool_->stats(); }

}  // namespace napari::runtime
