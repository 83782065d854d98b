#include "data/memory.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "data/cgroup.hpp"

namespace napari::data {

namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value <= 0) return std::nullopt;
  return value;
}

std::int64_t physical_bytes(const std::string& file_root) {
  std::ifstream info(file_root + "/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  std::string unit;
  while (info >> key >> kib) {
    if (key == "MemTotal:" && kib > 0) return kib * 1024;
    std::getline(info, unit);
  }
  return std::int64_t{1} << 30;
}

// The power of 1024 that a unit stands for; nullopt for an unknown one.
std::optional<int> unit_power(std::string_view unit) {
  constexpr std::string_view kPrefixes = "KMGT";
  if (unit.empty() || unit == "B" || unit == "b") return 0;
  const std::size_t power = kPrefixes.find(static_cast<char>(std::toupper(unit.front())));
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = unit.substr(1);
  if (!rest.empty() && rest != "B" && rest != "b" && rest != "iB" && rest != "i")
    return std::nullopt;
  return static_cast<int>(power) + 1;
}

}  // namespace

std::int64_t usable_ram_bytes(const std::string& file_root) {
  std::int64_t bytes = physical_bytes(file_root);
  const CgroupFolders folders = cgroup_folders(file_root, "memory");
  const auto lower = [&bytes](const std::string& path) {
    const auto line = read_first_line(path);  // "max" is no number: no limit
    if (const auto limit = line ? whole_number(*line) : std::nullopt)
      bytes = std::min(bytes, *limit);
  };
  for (const std::string& folder : folders.v2) lower(folder + "/memory.max");
  for (const std::string& folder : folders.v1) lower(folder + "/memory.limit_in_bytes");
  return bytes;
}

std::int64_t default_budget_bytes(const std::string& file_root) {
  return usable_ram_bytes(file_root) / 4;
}

gstx::Result<std::int64_t> parse_byte_size(std::string_view text, std::int64_t whole_bytes) {
  const auto refuse = [text] {
    return gstx::fail(
        gstx::ErrorCode::invalid_argument,
        fmt::format("'{}' is no size: give bytes, 512M, 2G or a percentage as 25%", text));
  };
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value) || value <= 0) return refuse();
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit == "%") {
    if (value > 100) return refuse();
    value *= static_cast<double>(whole_bytes) / 100;
  } else {
    const auto power = unit_power(unit);
    if (!power) return refuse();
    value *= std::pow(1024.0, *power);
  }
  if (value < 1 || value >= 0x1p62) return refuse();
  return static_cast<std::int64_t>(value);
}

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace napari::data
