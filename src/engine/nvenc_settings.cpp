#include "engine/nvenc_settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "engine/encoder_choice.hpp"

GST_DEBUG_CATEGORY_STATIC(napari_nvenc_debug);
#define GST_CAT_DEFAULT napari_nvenc_debug

namespace napari::engine {
namespace {

constexpr double kBufferSeconds = 0.1;  // of the bit rate: what an IDR may cost
constexpr std::int64_t kKbitMax = 2'048'000;

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

std::optional<std::int64_t> as_number(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool set_enum(GParamSpec* spec, const std::string& nick, GValue* value) {
  const GEnumValue* entry =
      g_enum_get_value_by_nick(G_PARAM_SPEC_ENUM(spec)->enum_class, nick.c_str());
  if (entry != nullptr) g_value_set_enum(value, entry->value);
  return entry != nullptr;
}

// False where the property's type or range does not take `text`.
bool parse(GParamSpec* spec, const std::string& text, GValue* value) {
  const auto number = as_number(text);
  if (G_IS_PARAM_SPEC_ENUM(spec)) return set_enum(spec, text, value);
  if (G_IS_PARAM_SPEC_BOOLEAN(spec)) {
    if (text != "true" && text != "false") return false;
    g_value_set_boolean(value, text == "true" ? TRUE : FALSE);
    return true;
  }
  if (!number) return false;
  if (G_IS_PARAM_SPEC_INT(spec)) {
    if (*number < G_MININT || *number > G_MAXINT) return false;
    g_value_set_int(value, static_cast<gint>(*number));
  } else if (G_IS_PARAM_SPEC_UINT(spec)) {
    if (*number < 0 || *number > static_cast<std::int64_t>(G_MAXUINT)) return false;
    g_value_set_uint(value, static_cast<guint>(*number));
  } else {
    return false;
  }
  // Says whether it had to change the value, which is then not the one that was wanted.
  return g_param_value_validate(spec, value) == FALSE;
}

NvencOutcome apply_to(GstElement* encoder, GParamSpec* spec, const NvencWish& wish) {
  NvencOutcome outcome{.property = spec->name};
  if ((spec->flags & G_PARAM_WRITABLE) == 0) {
    outcome.reason = "read only in this release";
    return outcome;
  }
  ScopedValue value(spec->value_type);
  for (const std::string& wanted : wish.values) {
    if (!parse(spec, wanted, value.get())) continue;
    g_object_set_property(G_OBJECT(encoder), spec->name, value.get());
    outcome.value = wanted;
    return outcome;
  }
  outcome.reason = std::string(g_type_name(spec->value_type)) + " takes none of";
  for (const std::string& wanted : wish.values) outcome.reason += " " + wanted;
  return outcome;
}

void log_outcome(GstElement* encoder, const NvencOutcome& outcome) {
  static gsize once = 0;
  if (g_once_init_enter(&once)) {
    GST_DEBUG_CATEGORY_INIT(napari_nvenc_debug, "naparinvenc", 0, "settings of NVENC elements");
    g_once_init_leave(&once, 1);
  }
  if (outcome.value.empty()) {
    GST_INFO_OBJECT(encoder, "%s is left alone: %s", outcome.property.c_str(),
                    outcome.reason.c_str());
  } else {
    GST_DEBUG_OBJECT(encoder, "%s=%s", outcome.property.c_str(), outcome.value.c_str());
  }
}

}  // namespace

std::int64_t nvenc_kbit(std::int64_t bitrate_bps) {
  return std::clamp<std::int64_t>(bitrate_bps / 1024, 1, kKbitMax);
}

std::vector<NvencWish> nvenc_wishes(const EncoderSettings& settings) {
  const auto buffer_bits =
      static_cast<std::int64_t>(static_cast<double>(settings.bitrate_bps) * kBufferSeconds);
  return {
      // Before 1.24 a preset says the tuning too; p1 to p7 with `tune` are its successors.
      {{"preset"}, {"p3", "low-latency-hp", "low-latency"}},
      {{"tune"}, {"ultra-low-latency", "low-latency"}},
      {{"multi-pass"}, {"disabled", "default"}},
      {{"rate-control", "rc-mode"}, {"cbr", "cbr-ld-hq"}},
      {{"gop-size"}, {"-1"}},
      {{"b-frames", "bframes"}, {"0"}},
      {{"rc-lookahead"}, {"0"}},
      {{"zero-reorder-delay", "zerolatency"}, {"true"}},
      {{"repeat-sequence-header"}, {"true"}},
      {{"aud"}, {"false"}},
      {{"vbv-buffer-size"}, {fmt::format("{}", std::max<std::int64_t>(1, buffer_bits / 1024))}},
      // A late frame is still the newest picture; dropping is the source's business.
      {{"qos"}, {"false"}},
      {{"cc-insert"}, {"disabled"}},
  };
}

std::vector<NvencOutcome> apply_nvenc_settings(GstElement* encoder,
                                               const EncoderSettings& settings) {
  std::vector<NvencOutcome> outcomes;
  for (const NvencWish& wish : nvenc_wishes(settings)) {
    bool found = false;
    for (const std::string_view property : wish.properties) {
      GParamSpec* spec =
          g_object_class_find_property(G_OBJECT_GET_CLASS(encoder), std::string(property).c_str());
      if (spec == nullptr) continue;
      found = true;
      outcomes.push_back(apply_to(encoder, spec, wish));
    }
    if (!found)
      outcomes.push_back({.property = std::string(wish.properties.front()),
                          .reason = "this release has no such property"});
  }
  for (const NvencOutcome& outcome : outcomes) log_outcome(encoder, outcome);
  return outcomes;
}

}  // namespace napari::engine
