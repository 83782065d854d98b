// A synthetic pyramid whose levels can be held shut: a read of a shut level blocks until the level is opened or its
// stop is requested, as a store that hangs does. Levels can also be made to fail. Values are a function of level and index.
// Threads: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/image_source.hpp"

namespace napari::fakes {

class BlockingSource final : public data::ImageSource {
 public:
  // Levels by halving every axis of the last three, down to `levels`; uint8.
  BlockingSource(const std::vector<std::int64_t>& shape, std::int64_t chunk, int levels) {
    static const std::vector<std::string> names{"t", "c", "z", "y", "x"};
    const std::size_t rank = shape.size();
    for (std::size_t i = 0; i < rank; ++i)
      info_.axes.push_back({names[names.size() - rank + i],
                            i + 3 >= rank ? data::AxisType::space : data::AxisType::time, ""});
    info_.name = "synthetic";
    info_.path = "/synthetic";
    info_.format = "synthetic";
    for (int number = 0; number < levels; ++number) {
      data::Level level;
      level.path = std::to_string(number);
      for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t factor = i + 3 >= rank ? std::int64_t{1} << number : 1;
        level.shape.push_back(std::max<std::int64_t>(1, shape[i] / factor));
        level.chunk.push_back(std::min(chunk, level.shape.back()));
        level.scale.push_back(static_cast<double>(factor));
        level.translation.push_back((static_cast<double>(factor) - 1) / 2);
      }
      info_.levels.push_back(std::move(level));
    }
  }

  [[nodiscard]] data::ImageInfo& edit() { return info_; }
  [[nodiscard]] const data::ImageInfo& info() const override { return info_; }

  static std::uint8_t value(int level, std::span<const std::int64_t> index) {
    std::int64_t sum = 31 * level;
    std::int64_t weight = 1;
    for (std::size_t i = index.size(); i-- > 0;) {
      sum += weight * index[i];
      weight = weight * 5 + 2;
    }
    return static_cast<std::uint8_t>(sum % 251);
  }

  gstx::Result<void> read(int level, const data::Region& region, std::span<std::byte> out,
                          std::stop_token stop) const override {
    ++reads_;
    {
      std::unique_lock lock(mutex_);
      ++active_;
      gate_.wait(lock, stop, [&] { return !shut_.contains(level); });
      --active_;
      if (stop.stop_requested()) return gstx::fail(gstx::ErrorCode::unavailable, "cancelled");
      if (broken_.contains(level))
        return gstx::fail(gstx::ErrorCode::internal,
                          "chunk /synthetic/" + std::to_string(level) + "/0.0: corrupt");
    }
    // Row by row: along the last axis values count up.
    std::vector<std::int64_t> index = region.start;
    const auto row = static_cast<std::size_t>(region.shape.back());
    for (std::size_t first = 0; first < out.size(); first += row) {
      if (stop.stop_requested()) return gstx::fail(gstx::ErrorCode::unavailable, "cancelled");
      std::uint8_t next = value(level, index);
      for (std::size_t i = 0; i < row; ++i) {
        out[first + i] = static_cast<std::byte>(next);
        next = next == 250 ? std::uint8_t{0} : static_cast<std::uint8_t>(next + 1);
      }
      for (std::size_t axis = index.size() - 1; axis-- > 0;) {
        if (++index[axis] < region.start[axis] + region.shape[axis]) break;
        index[axis] = region.start[axis];
      }
    }
    return {};
  }

  void shut(int level) {
    const std::lock_guard lock(mutex_);
    shut_.insert(level);
  }
  void open(int level) {
    {
      const std::lock_guard lock(mutex_);
      shut_.erase(level);
    }
    gate_.notify_all();
  }
  void break_level(int level) {
    const std::lock_guard lock(mutex_);
    broken_.insert(level);
  }
  // Reads that wait at a shut level now.
  [[nodiscard]] int waiting() const {
    const std::lock_guard lock(mutex_);
    return active_;
  }
  [[nodiscard]] int reads() const { return reads_; }

 private:
  data::ImageInfo info_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any gate_;
  mutable int active_{0};
  mutable std::atomic<int> reads_{0};
  std::set<int> shut_, broken_;
};

}  // namespace napari::fakes
