#include "control/ledger.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace napari::control {

std::uint64_t LedgerState::version(const Key& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.version;
}

gstx::Result<Commit> Ledger::commit(const Transaction& transaction) {
  main_.assert_current();
  g_assert(!committing_);  // an observer that writes would hide the order of things
  for (const auto& [key, value] : transaction.writes()) {
    const auto found = state_.entries_.find(key);
    if (found != state_.entries_.end() && found->second.value.index() != value.index()) {
      return gstx::fail(gstx::ErrorCode::invalid_argument,
                        fmt::format("write changes the type of '{}.{}'", key.target, key.name));
    }
  }
  Commit commit{.kind = transaction.kind()};
  for (const auto& [key, value] : transaction.writes()) {
    Entry& entry = state_.entries_[key];
    if (entry.version > 0 && entry.value == value) continue;
    entry.value = value;
    ++entry.version;
    if (std::find(commit.changed.begin(), commit.changed.end(), key) == commit.changed.end()) {
      commit.changed.push_back(key);
    }
  }
  if (!commit.changed.empty() && transaction.kind() == TransactionKind::intent) {
    ++state_.scene_version_;
  }
  commit.scene_version = state_.scene_version_;
  if (!commit.changed.empty()) {
    committing_ = true;
    for (const auto& observer : observers_) observer(commit);
    committing_ = false;
  }
  return commit;
}

}  // namespace napari::control
