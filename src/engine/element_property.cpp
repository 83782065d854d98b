#include "engine/element_property.hpp"

#include <string>
#include <variant>

#include <fmt/format.h>

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;

std::string as_text(const PropertyValue& value) {
  struct Visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Visitor{}, value);
}

class ScopedValue {
 public:
  explicit ScopedValue(GType type) { g_value_init(&value_, type); }
  ~ScopedValue() { g_value_unset(&value_); }
  ScopedValue(const ScopedValue&) = delete;
  ScopedValue& operator=(const ScopedValue&) = delete;
  [[nodiscard]] GValue* get() { return &value_; }

 private:
  GValue value_ = G_VALUE_INIT;
};

}  // namespace

gstx::Result<void> set_element_property(GstElement* element, std::string_view name,
                                        const PropertyValue& value) {
  const std::string property(name);
  const char* factory = GST_OBJECT_NAME(gst_element_get_factory(element));
  GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), property.c_str());
  if (spec == nullptr)
    return fail(ErrorCode::not_found, fmt::format("{} has no property '{}'", factory, property));
  if ((spec->flags & G_PARAM_WRITABLE) == 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("property '{}' of {} is read only", property, factory));

  const std::string text = as_text(value);
  ScopedValue converted(spec->value_type);
  if (spec->value_type == G_TYPE_STRING) {
    g_value_set_string(converted.get(), text.c_str());
  } else if (gst_value_deserialize_with_pspec(converted.get(), text.c_str(), spec) == FALSE) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is no {} for property '{}' of {}", text,
                            g_type_name(spec->value_type), property, factory));
  }
  if (g_param_value_validate(spec, converted.get()) != FALSE)
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("'{}' is out of range for property '{}' of {}", text, property, factory));
  g_object_set_property(G_OBJECT(element), property.c_str(), converted.get());
  return {};
}

}  // namespace napari::engine
