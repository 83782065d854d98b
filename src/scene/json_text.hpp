// Writes JSON text: numbers in their shortest exact form, strings escaped, invalid UTF-8 replaced, non-finite numbers as
// null. Payloads are built once as text and put into every client's envelope as they are, which a tree would not
// allow. Reading is json-glib's (control/json.hpp). Threads: any (a value).
#pragma once

#include <concepts>
#include <cstdint>
#include <ranges>
#include <string>
#include <string_view>

namespace napari::scene {

class JsonText {
 public:
  JsonText& begin_object();
  JsonText& end_object();
  JsonText& begin_array();
  JsonText& end_array();
  JsonText& key(std::string_view name);

  JsonText& value(bool boolean);
  JsonText& value(double number);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonText& value(T number) {
    return integer(static_cast<std::int64_t>(number));
  }
  template <std::ranges::input_range R>
  requires(!std::convertible_to<R, std::string_view>) JsonText& value(const R& range) {
    begin_array();
    for (const auto& item : range) value(item);
    return end_array();
  }
  JsonText& raw(std::string_view json);  // an already written value

  template <typename T>
  JsonText& member(std::string_view name, const T& item) {
    key(name);
    return value(item);
  }
  JsonText& member_raw(std::string_view name, std::string_view json) { return key(name).raw(json); }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  JsonText& integer(std::int64_t number);
  void separate();

  std::string text_;
  bool first_{true};  // no comma is due
};

// One value by itself.
template <typename T>
[[nodiscard]] std::string to_json(const T& item) {
  JsonText json;
  json.value(item);
  return json.take();
}

}  // namespace napari::scene
