#include "scene/json_text.hpp"

#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <glib.h>

#include "gstx/unique.hpp"

namespace napari::scene {

void JsonText::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonText& JsonText::begin_object() {
  separate();
  text_ += '{';
  first_ = true;
  return *this;
}

JsonText& JsonText::end_object() {
  text_ += '}';
  first_ = false;
  return *this;
}

JsonText& JsonText::begin_array() {
  separate();
  text_ += '[';
  first_ = true;
  return *this;
}

JsonText& JsonText::end_array() {
  text_ += ']';
  first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  value(name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonText& JsonText::value(bool boolean) { return raw(boolean ? "true" : "false"); }

JsonText& JsonText::integer(std::int64_t number) {
  separate();
  fmt::format_to(std::back_inserter(text_), "{}", number);
  return *this;
}

JsonText& JsonText::value(double number) {
  if (!std::isfinite(number)) return raw("null");
  separate();
  const auto start = text_.size();
  fmt::format_to(std::back_inserter(text_), "{}", number);
  // A float stays a float for readers that tell them apart.
  if (text_.find_first_of(".e", start) == std::string::npos) text_ += ".0";
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  gstx::UniqueString repaired;
  if (g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) == FALSE) {
    repaired.reset(g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())));
    text = repaired.get();
  }
  separate();
  text_ += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        text_ += "\\\"";
        break;
      case '\\':
        text_ += "\\\\";
        break;
      case '\n':
        text_ += "\\n";
        break;
      case '\r':
        text_ += "\\r";
        break;
      case '\t':
        text_ += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(text_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          text_ += c;
        }
    }
  }
  text_ += '"';
  return *this;
}

JsonText& JsonText::raw(std::string_view json) {
  separate();
  text_ += json;
  return *this;
}

}  // namespace napari::scene
