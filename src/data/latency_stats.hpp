// The last N durations and their percentiles. Not thread-safe: belongs to the thread that measures.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace napari::data {

template <std::size_t N = 512>
class LatencyStats {
 public:
  struct Summary {
    std::size_t count{0};  // samples that the percentiles are of, at most N
    std::int64_t p50_ns{0};
    std::int64_t p95_ns{0};
    std::int64_t p99_ns{0};
    std::int64_t max_ns{0};
    std::int64_t last_ns{0};
  };

  void add(std::int64_t duration_ns) {
    ring_[added_ % N] = duration_ns;
    ++added_;
  }

  [[nodiscard]] std::uint64_t total() const { return added_; }

  // Nearest-rank percentiles: the smallest sample that at least p per cent do not exceed.
  [[nodiscard]] Summary summary() const {
    Summary result;
    result.count = static_cast<std::size_t>(std::min<std::uint64_t>(added_, N));
    if (result.count == 0) return result;
    std::array<std::int64_t, N> sorted = ring_;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(result.count));
    const auto rank = [&](std::size_t percent) {
      return sorted[(result.count * percent + 99) / 100 - 1];
    };
    result.p50_ns = rank(50);
    result.p95_ns = rank(95);
    result.p99_ns = rank(99);
    result.max_ns = sorted[result.count - 1];
    result.last_ns = ring_[(added_ - 1) % N];
    return result;
  }

 private:
  std::array<std::int64_t, N> ring_{};
  std::uint64_t added_{0};
};

}  // namespace napari::data
