#include "runtime/failed_reads.hpp"

#include <algorithm>

#include "runtime/frame_clock.hpp"

namespace napari::runtime {
namespace {

constexpr std::size_t kEntriesMax = 65536;
constexpr int kReportsMax =
    32;  // a store that is gone fails in every chunk: say so, not a thousand times
constexpr int kTriesMax = 4;
constexpr std::int64_t kRetryNs = 2000 * kMsNs;

}  // namespace

bool FailedReads::add(const LoadKey& key, const gstx::Error& error, std::int64_t now_ns) {
  if (entries_.size() >= kEntriesMax) entries_.clear();
  Entry& entry = entries_[key];
  ++entry.tries;
  const bool retry = error.code == gstx::ErrorCode::unavailable && entry.tries < kTriesMax;
  entry.retry_ns = retry ? now_ns + (kRetryNs << (entry.tries - 1)) : kNeverNs;
  return entry.tries == 1 && ++reported_ <= kReportsMax;
}

bool FailedReads::is_given_up(const LoadKey& key, std::int64_t now_ns) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && now_ns < found->second.retry_ns;
}

std::int64_t FailedReads::next_retry_ns(std::int64_t now_ns) const {
  std::int64_t next = kNeverNs;
  for (const auto& [key, entry] : entries_)
    if (entry.retry_ns > now_ns) next = std::min(next, entry.retry_ns);
  return next;
}

void FailedReads::clear() {
  entries_.clear();
  reported_ = 0;
}

}  // namespace napari::runtime
