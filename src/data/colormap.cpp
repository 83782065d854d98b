#include "data/colormap.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "data/colormap_tables.hpp"

namespace napari::data {
namespace {

using Color = std::array<double, 3>;
using Rgb = std::array<std::array<float, 3>, 256>;

Rgb sampled(const std::function<Color(double)>& color_at) {
  Rgb rgb;
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const Color color = color_at(static_cast<double>(i) / 255.0);
    for (std::size_t c = 0; c < 3; ++c) rgb[i][c] = static_cast<float>(color[c]);
  }
  return rgb;
}

Color mix(const Color& a, const Color& b, double t) {
  return {a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t};
}

Rgb ramp(const Color& from, const Color& to) {
  return sampled([&](double t) { return mix(from, to, t); });
}

// The BOP tables are 8-bit ramps that truncate, except that the last entry is the colour itself.
Rgb truncated_ramp(const std::array<int, 3>& to) {
  Rgb rgb;
  for (int i = 0; i < 256; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const int code = i == 255 ? to[c] : i * to[c] / 256;
      rgb[static_cast<std::size_t>(i)][c] = static_cast<float>(code / 255.0);
    }
  }
  return rgb;
}

double smoothstep(double low, double high, double t) {
  const double x = std::clamp((t - low) / (high - low), 0.0, 1.0);
  return x * x * (3 - 2 * x);
}

Rgb high_low() {
  Rgb rgb = ramp({0, 0, 0}, {1, 1, 1});
  rgb.front() = {0, 0, 1};
  rgb.back() = {1, 0, 0};
  return rgb;
}

std::uint32_t digit_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<std::uint32_t>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<std::uint32_t>(digit - 'a') + 26;
  if (digit >= '0' && digit <= '9') return static_cast<std::uint32_t>(digit - '0') + 52;
  return digit == '+' ? 62 : 63;
}

Rgb decoded(std::string_view digits) {
  Rgb rgb;
  std::size_t at = 0;
  for (auto& entry : rgb) {
    for (float& component : entry) {
      std::uint32_t number = 0;
      for (int i = 0; i < 5; ++i) number = number << 6 | digit_value(digits[at++]);
      component = static_cast<float>(std::ldexp(static_cast<double>(number), -29));
    }
  }
  return rgb;
}

void add_ramps(std::vector<ColormapTable>& tables) {
  constexpr Color kBlack{0, 0, 0};
  constexpr Color kWhite{1, 1, 1};
  tables.push_back({"gray", ramp(kBlack, kWhite)});
  tables.push_back({"gray_r", ramp(kWhite, kBlack)});
  tables.push_back({"red", ramp(kBlack, {1, 0, 0})});
  tables.push_back({"green", ramp(kBlack, {0, 1, 0})});
  tables.push_back({"blue", ramp(kBlack, {0, 0, 1})});
  tables.push_back({"yellow", ramp(kBlack, {1, 1, 0})});
  tables.push_back({"magenta", ramp(kBlack, {1, 0, 1})});
  tables.push_back({"cyan", ramp(kBlack, {0, 1, 1})});
  tables.push_back({"bop blue", truncated_ramp({32, 173, 248})});
  tables.push_back({"bop orange", truncated_ramp({237, 165, 30})});
  tables.push_back({"bop purple", truncated_ramp({148, 32, 148})});
  tables.push_back({"I Blue", ramp(kWhite, {0, 51 / 255.0, 204 / 255.0})});
  tables.push_back({"I Bordeaux", ramp(kWhite, {204 / 255.0, 0, 51 / 255.0})});
  tables.push_back({"I Forest", ramp(kWhite, {0, 153 / 255.0, 0})});
  tables.push_back({"I Orange", ramp(kWhite, {1, 117 / 255.0, 0})});
  tables.push_back({"I Purple", ramp(kWhite, {117 / 255.0, 0, 1})});
  tables.push_back({"HiLo", high_low()});
}

// Those napari takes from vispy, by vispy's formulas.
void add_formulas(std::vector<ColormapTable>& tables) {
  tables.push_back({"autumn", ramp({1, 0, 0}, {1, 1, 0})});
  tables.push_back({"cool", ramp({0, 1, 1}, {1, 0, 1})});
  tables.push_back({"spring", ramp({1, 0, 1}, {1, 1, 0})});
  tables.push_back({"summer", ramp({0, 0.5, 0.4}, {1, 1, 0.4})});
  tables.push_back({"ice", sampled([](double t) { return Color{t, t, 1}; })});
  tables.push_back({"fire", sampled([](double t) {
                      constexpr Color kWhite{1, 1, 1};
                      constexpr Color kYellow{1, 1, 0};
                      constexpr Color kRed{1, 0, 0};
                      return mix(mix(kWhite, kYellow, t), mix(kYellow, kRed, t * t), t);
                    })});
  tables.push_back(
      {"hot", sampled([](double t) {
         return Color{smoothstep(0, 0.33, t), smoothstep(0.33, 0.66, t), smoothstep(0.66, 1, t)};
       })});
  tables.push_back({"winter", sampled([](double t) {
                      return mix({0, 0, 1}, {0, 1, 0.5}, std::sqrt(t));
                    })});
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

const std::vector<ColormapTable>& all_tables() {
  static const std::vector<ColormapTable> all = [] {
    std::vector<ColormapTable> tables;
    add_ramps(tables);
    add_formulas(tables);
    for (const EncodedColormap& encoded : encoded_colormaps()) {
      tables.push_back({std::string(encoded.name), decoded(encoded.digits)});
    }
    std::ranges::sort(tables, {}, [](const ColormapTable& table) { return lower(table.name); });
    return tables;
  }();
  return all;
}

}  // namespace

const std::vector<std::string>& colormap_names() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const ColormapTable& table : all_tables()) names.push_back(table.name);
    return names;
  }();
  return all;
}

const ColormapTable* find_colormap(std::string_view name) {
  const std::string wanted = lower(name);
  for (const ColormapTable& table : all_tables()) {
    if (lower(table.name) == wanted) return &table;
  }
  return nullptr;
}

}  // namespace napari::data
