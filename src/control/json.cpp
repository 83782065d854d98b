#include "control/json.hpp"

#include <cmath>

#include <fmt/format.h>

#include "gstx/gerror.hpp"
#include "gstx/ref.hpp"
#include "gstx/unique.hpp"

namespace napari::control {
namespace {

constexpr std::size_t kIntegerDigitsMax = 18;  // fits 64 bits whatever the digits are

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Tokens only: whether they stand in a sensible order is the parser's business.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  gstx::Result<void> check() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      bool fine = true;
      if (c == '"') {
        fine = string();
      } else if (c == '-' || is_digit(c)) {
        fine = number();
      } else if (c >= 'a' && c <= 'z') {
        fine = word("true") || word("false") || word("null");
      } else {
        fine = punctuation(c);
      }
      if (!fine) {
        return gstx::fail(gstx::ErrorCode::invalid_argument,
                          fmt::format("not JSON at byte {}{}", at_,
                                      depth_ > kJsonDepthMax ? ": nested too deeply" : ""));
      }
    }
    return {};
  }

 private:
  bool punctuation(char c) {
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    if (depth_ > kJsonDepthMax) return false;
    ++at_;
    return std::string_view("{}[]:, \t\r\n").find(c) != std::string_view::npos;
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  std::size_t digits() {
    const auto start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ - start;
  }

  bool number() {
    if (text_[at_] == '-') ++at_;
    const auto start = at_;
    const auto whole = digits();
    if (whole == 0 || (whole > 1 && text_[start] == '0')) return false;
    bool integer = true;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      integer = false;
      if (digits() == 0) return false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      integer = false;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (digits() == 0) return false;
    }
    return !integer || whole <= kIntegerDigitsMax;
  }

  bool string() {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      ++at_;
      if (at_ >= text_.size()) return false;
      if (std::string_view("\"\\/bfnrtu").find(text_[at_]) == std::string_view::npos) return false;
      // A NUL would cut the string short for everybody behind a `const char*`.
      if (text_.substr(at_, 5) == "u0000") return false;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_{0};
  int depth_{0};
};

}  // namespace

std::optional<bool> JsonView::boolean() const {
  if (node_ == nullptr || !JSON_NODE_HOLDS_VALUE(node_)) return std::nullopt;
  if (json_node_get_value_type(node_) != G_TYPE_BOOLEAN) return std::nullopt;
  return json_node_get_boolean(node_) != FALSE;
}

std::optional<std::int64_t> JsonView::integer() const {
  if (node_ == nullptr || !JSON_NODE_HOLDS_VALUE(node_)) return std::nullopt;
  if (json_node_get_value_type(node_) != G_TYPE_INT64) return std::nullopt;
  return json_node_get_int(node_);
}

std::optional<double> JsonView::number() const {
  if (const auto whole = integer()) return static_cast<double>(*whole);
  if (node_ == nullptr || !JSON_NODE_HOLDS_VALUE(node_)) return std::nullopt;
  if (json_node_get_value_type(node_) != G_TYPE_DOUBLE) return std::nullopt;
  const double value = json_node_get_double(node_);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::string> JsonView::string() const {
  if (node_ == nullptr || !JSON_NODE_HOLDS_VALUE(node_)) return std::nullopt;
  if (json_node_get_value_type(node_) != G_TYPE_STRING) return std::nullopt;
  std::string text = json_node_get_string(node_);
  // Lone surrogates come out as bytes that are no UTF-8.
  if (g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) == FALSE) {
    return std::nullopt;
  }
  return text;
}

JsonView JsonView::member(const char* name) const {
  if (!is_object()) return {};
  return JsonView(json_object_get_member(json_node_get_object(node_), name));
}

std::vector<std::string> JsonView::member_names() const {
  std::vector<std::string> names;
  if (!is_object()) return names;
  GList* list = json_object_get_members(json_node_get_object(node_));
  for (GList* item = list; item != nullptr; item = item->next) {
    names.emplace_back(static_cast<const char*>(item->data));
  }
  g_list_free(list);
  return names;
}

std::size_t JsonView::size() const {
  return is_array() ? json_array_get_length(json_node_get_array(node_)) : 0;
}

JsonView JsonView::at(std::size_t index) const {
  if (index >= size()) return {};
  return JsonView(json_array_get_element(json_node_get_array(node_), static_cast<guint>(index)));
}

std::optional<std::vector<double>> JsonView::numbers(std::size_t count) const {
  if (!is_array() || (count != 0 && size() != count)) return std::nullopt;
  std::vector<double> values;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto value = at(i).number();
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

gstx::Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  const auto length = static_cast<gssize>(text.size());
  if (g_utf8_validate(text.data(), length, nullptr) == FALSE) {
    return gstx::fail(gstx::ErrorCode::invalid_argument, "not UTF-8");
  }
  GSTX_TRY(Lexer(text).check());
  JsonParser* parser = json_parser_new();
  GError* error = nullptr;
  const gboolean parsed = json_parser_load_from_data(parser, text.data(), length, &error);
  JsonNode* root = parsed != FALSE ? json_parser_steal_root(parser) : nullptr;
  g_object_unref(parser);
  if (parsed == FALSE) {
    const gstx::UniqueError owned(error);
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("not JSON: {}", owned->message));
  }
  if (root == nullptr) return gstx::fail(gstx::ErrorCode::invalid_argument, "not JSON: empty");
  return JsonDocument(root);
}

}  // namespace napari::control
