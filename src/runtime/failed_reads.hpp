// Regions that could not be read: each is reported once, stays coarse, and is tried again only where a retry may help.
// Threads: one (render).
#pragma once

#include <cstdint>
#include <unordered_map>

#include "gstx/result.hpp"
#include "runtime/block_loader.hpp"

namespace napari::runtime {

class FailedReads {
 public:
  // True: nobody has been told yet.
  bool add(const LoadKey& key, const gstx::Error& error, std::int64_t now_ns);
  void succeeded(const LoadKey& key) { entries_.erase(key); }
  // It failed and is not to be tried (again) now.
  [[nodiscard]] bool is_given_up(const LoadKey& key, std::int64_t now_ns) const;
  // When the next retry is due; kNeverNs: none.
  [[nodiscard]] std::int64_t next_retry_ns(std::int64_t now_ns) const;
  void clear();

 private:
  struct Entry {
    std::int64_t retry_ns{0};
    int tries{0};
  };
  std::unordered_map<LoadKey, Entry, LoadKeyHash> entries_;
  int reported_{0};
};

}  // namespace napari::runtime
