// Where the bytes of a Zarr hierarchy come from: a key ("0/.zarray", "0/1/2/3") to bytes. Knows nothing about their meaning.
// Keys are relative, separated by '/', and never leave the store: `check_key` refuses "..", empty parts and absolute ones.
// Threads: any number at once; `get` blocks and belongs on a loader thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "gstx/result.hpp"

namespace napari::data::zarr {

using Bytes = std::vector<std::byte>;

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // nullopt: there is no such key. More than `bytes_max` bytes is an error. A requested stop gives `unavailable`.
  [[nodiscard]] virtual gstx::Result<std::optional<Bytes>> get(std::string_view key,
                                                               std::size_t bytes_max,
                                                               std::stop_token stop) const = 0;
  [[nodiscard]] virtual gstx::Result<bool> exists(std::string_view key) const = 0;

  // The key as people know it (a path, a URL), for messages.
  [[nodiscard]] virtual std::string locate(std::string_view key) const = 0;
};

using StorePtr = std::shared_ptr<const Store>;

[[nodiscard]] gstx::Result<void> check_key(std::string_view key);

// `group` + "/" + `name`; just `name` in the root.
[[nodiscard]] std::string join_key(std::string_view group, std::string_view name);

// What a cancelled read returns.
[[nodiscard]] tl::unexpected<gstx::Error> cancelled();

}  // namespace napari::data::zarr
