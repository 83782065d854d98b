// Reads JSON that strangers sent: json-glib's tree behind a lexical check, since its scanner lets comments, leading zeros,
// wrapped integers and bottomless nesting pass. Getters give nothing instead of a guess. Threads: any; a view lives
// as long as its document.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <json-glib/json-glib.h>

#include "gstx/result.hpp"

namespace napari::control {

inline constexpr int kJsonDepthMax = 32;

// A borrowed node; absent when there was nothing to borrow. Absent and null read alike.
class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(JsonNode* node) : node_(node) {}

  [[nodiscard]] bool absent() const { return node_ == nullptr; }
  [[nodiscard]] bool is_null() const { return node_ == nullptr || JSON_NODE_HOLDS_NULL(node_); }
  [[nodiscard]] bool is_object() const { return node_ != nullptr && JSON_NODE_HOLDS_OBJECT(node_); }
  [[nodiscard]] bool is_array() const { return node_ != nullptr && JSON_NODE_HOLDS_ARRAY(node_); }

  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::int64_t> integer() const;  // 2, not 2.0
  [[nodiscard]] std::optional<double> number() const;         // finite; integers too
  [[nodiscard]] std::optional<std::string> string() const;

  [[nodiscard]] JsonView member(const char* name) const;  // absent unless an object that has it
  [[nodiscard]] std::vector<std::string> member_names() const;
  [[nodiscard]] std::size_t size() const;  // of an array; 0 for anything else
  [[nodiscard]] JsonView at(std::size_t index) const;
  // Exactly `count` finite numbers; `count` 0: any number of them.
  [[nodiscard]] std::optional<std::vector<double>> numbers(std::size_t count) const;

 private:
  JsonNode* node_{nullptr};
};

class JsonDocument {
 public:
  // Error: not UTF-8, not JSON (RFC 8259, with integers of at most 18 digits), or nested deeper than kJsonDepthMax.
  [[nodiscard]] static gstx::Result<JsonDocument> parse(std::string_view text);

  JsonDocument(JsonDocument&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  JsonDocument& operator=(JsonDocument&&) = delete;
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  ~JsonDocument() {
    if (root_ != nullptr) json_node_unref(root_);
  }

  [[nodiscard]] JsonView root() const { return JsonView(root_); }

 private:
  explicit JsonDocument(JsonNode* root) : root_(root) {}
  JsonNode* root_;
};

}  // namespace napari::control
