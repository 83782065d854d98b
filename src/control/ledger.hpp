// The state ledger: typed keys to values with a version each, written in atomic transactions, observed at commit. Knows no
// wire and no socket. `LedgerState` is a value that reducers read and tests copy; `Ledger` is its one writer.
// Threads: [main], asserted. `scene_version` counts the transactions of intents and loads that changed something; mirrored
// facts (poses, thumbnails, stream configurations) do not count, since no client waits for them.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <glib.h>

#include "data/encoded_frame.hpp"
#include "gstx/result.hpp"
#include "gstx/thread.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::control {

enum class Scope { view, dims, camera, layer, multiscale, scene, stream };

struct Key {
  Scope scope{Scope::view};
  std::string target;
  std::string name;
  // NOLINTNEXTLINE(modernize-use-nullptr): the 0 that the compiler compares with is no pointer.
  auto operator<=>(const Key&) const = default;
};

// An opened data set; never changed, replaced as a whole.
struct Dataset {
  std::uint64_t id{0};
  scene::OpenedImage opened;
};
using DatasetPtr = std::shared_ptr<const Dataset>;

using Value =
    std::variant<bool, std::int64_t, double, std::string, std::vector<double>,
                 std::vector<std::int64_t>, std::vector<std::string>, std::vector<std::uint8_t>,
                 scene::CameraPose, DatasetPtr, data::StreamConfig>;

// A key that says what it holds.
template <typename T>
struct TypedKey {
  Key key;
};

struct Entry {
  Value value;
  std::uint64_t version{0};  // 1 with the first write, grows with every change
  bool operator==(const Entry&) const = default;
};

class LedgerState {
 public:
  template <typename T>
  [[nodiscard]] const T* find(const TypedKey<T>& typed) const {
    const auto found = entries_.find(typed.key);
    return found == entries_.end() ? nullptr : std::get_if<T>(&found->second.value);
  }
  // The key must be there: the keys of keys.hpp that `first_state` writes always are.
  template <typename T>
  [[nodiscard]] const T& get(const TypedKey<T>& typed) const {
    const T* value = find(typed);
    g_assert(value != nullptr);
    return *value;
  }
  [[nodiscard]] std::uint64_t version(const Key& key) const;  // 0: never written
  [[nodiscard]] std::uint64_t scene_version() const { return scene_version_; }
  [[nodiscard]] const std::map<Key, Entry>& entries() const { return entries_; }
  bool operator==(const LedgerState&) const = default;

 private:
  friend class Ledger;
  std::map<Key, Entry> entries_;
  std::uint64_t scene_version_{0};
};

enum class TransactionKind { intent, mirror };

class Transaction {
 public:
  explicit Transaction(TransactionKind kind = TransactionKind::intent) : kind_(kind) {}

  template <typename T>
  Transaction& set(const TypedKey<T>& typed, T value) {
    writes_.emplace_back(typed.key, Value(std::move(value)));
    return *this;
  }
  [[nodiscard]] TransactionKind kind() const { return kind_; }
  [[nodiscard]] const std::vector<std::pair<Key, Value>>& writes() const { return writes_; }

 private:
  TransactionKind kind_;
  std::vector<std::pair<Key, Value>> writes_;
};

struct Commit {
  TransactionKind kind{TransactionKind::intent};
  std::uint64_t scene_version{0};  // after the commit
  std::vector<Key> changed;        // in the order of writing; an equal write is not in it
};

class Ledger {
 public:
  using Observer = std::function<void(const Commit&)>;

  Ledger() { main_.bind(); }

  [[nodiscard]] const LedgerState& state() const { return state_; }

  // All or nothing: a write that would change a key's type fails the transaction (`invalid_argument`). Observers run
  // after the last write, in the order they came; a commit that changed nothing calls none.
  [[nodiscard]] gstx::Result<Commit> commit(const Transaction& transaction);

  void observe(Observer observer) { observers_.push_back(std::move(observer)); }

 private:
  gstx::ThreadRole main_;
  LedgerState state_;
  std::vector<Observer> observers_;
  bool committing_{false};
};

}  // namespace napari::control
