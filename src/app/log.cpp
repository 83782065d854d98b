#include "app/log.hpp"

#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <glib.h>

#include "gstx/unique.hpp"

namespace napari::app {
namespace {

struct Writer {
  GLogLevelFlags level_max{G_LOG_LEVEL_INFO};  // larger flags are less severe
  bool json{false};
};
Writer writer;  // written once before threads start, then only read

const char* level_name(GLogLevelFlags level) {
  if ((level & G_LOG_LEVEL_ERROR) != 0 || (level & G_LOG_LEVEL_CRITICAL) != 0) return "error";
  if ((level & G_LOG_LEVEL_WARNING) != 0) return "warning";
  if ((level & G_LOG_LEVEL_MESSAGE) != 0 || (level & G_LOG_LEVEL_INFO) != 0) return "info";
  return "debug";
}

// A file's name may hold bytes that are no UTF-8.
std::string json_escaped(std::string_view given) {
  const gstx::UniqueString text_utf8(
      g_utf8_make_valid(given.data(), static_cast<gssize>(given.size())));
  const std::string_view text = text_utf8.get();
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      result += c;
    }
  }
  return result;
}

std::string_view field(const GLogField* fields, gsize count, std::string_view key) {
  for (gsize i = 0; i < count; ++i) {
    if (key != fields[i].key) continue;
    const auto* text = static_cast<const char*>(fields[i].value);
    return fields[i].length < 0
               ? std::string_view(text)
               : std::string_view(text, static_cast<std::size_t>(fields[i].length));
  }
  return {};
}

GLogWriterOutput write(GLogLevelFlags level, const GLogField* fields, gsize count,
                       gpointer) noexcept {
  const auto severity = static_cast<GLogLevelFlags>(level & G_LOG_LEVEL_MASK);
  if (severity > writer.level_max) return G_LOG_WRITER_HANDLED;
  const std::string_view message = field(fields, count, "MESSAGE");
  const std::string_view domain = field(fields, count, "GLIB_DOMAIN");
  const auto now_us = g_get_real_time();
  std::string line;
  if (writer.json) {
    line = fmt::format("{{\"ts\":{:.6f},\"level\":\"{}\",\"domain\":\"{}\",\"message\":\"{}\"}}\n",
                       static_cast<double>(now_us) / 1e6, level_name(level), json_escaped(domain),
                       json_escaped(message));
  } else {
    line = fmt::format("{:7} {}{}{}\n", level_name(level), domain, domain.empty() ? "" : ": ",
                       message);
  }
  std::fputs(line.c_str(), stderr);
  return G_LOG_WRITER_HANDLED;
}

}  // namespace

void install_log_writer(const data::ServeConfig& config) {
  writer.json = config.log_format == "json";
  if (config.log_level == "error") writer.level_max = G_LOG_LEVEL_CRITICAL;
  if (config.log_level == "warning") writer.level_max = G_LOG_LEVEL_WARNING;
  if (config.log_level == "info") writer.level_max = G_LOG_LEVEL_INFO;
  if (config.log_level == "debug") writer.level_max = G_LOG_LEVEL_DEBUG;
  g_log_set_writer_func(write, nullptr, nullptr);
}

}  // namespace napari::app
