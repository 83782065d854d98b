#include "data/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace napari::data {

gstx::Result<void> parallel_for(std::int64_t count, int threads,
                                const std::function<gstx::Result<void>(std::int64_t)>& work) {
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;
  std::optional<gstx::Error> first_error;
  const auto run = [&] {
    for (std::int64_t index = next++; index < count; index = next++) {
      if (auto done = work(index); !done) {
        next = count;
        const std::lock_guard lock(mutex);
        if (!first_error) first_error = std::move(done).error();
      }
    }
  };
  {
    std::vector<std::jthread> pool;
    for (std::int64_t i = 1; i < std::min<std::int64_t>(threads, count); ++i)
      pool.emplace_back(run);
    run();
  }
  if (first_error) return gstx::fail(std::move(*first_error));
  return {};
}

}  // namespace napari::data
