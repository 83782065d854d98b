#include "data/colormap.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace napari::data {
namespace {

void expect_entry(std::string_view name, std::size_t entry, std::array<double, 3> rgb) {
  const ColormapTable* const table = find_colormap(name);
  ASSERT_NE(table, nullptr) << name;
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(static_cast<double>(table->rgb[entry][c]), rgb[c], 1e-6) << name << " " << entry;
  }
}

TEST(Colormap, NamesAreManyUniqueAndFindThemselves) {
  const auto& names = colormap_names();
  EXPECT_GE(names.size(), 30U);
  for (const std::string& name : names) {
    const ColormapTable* const table = find_colormap(name);
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->name, name);
    for (const auto& entry : table->rgb) {
      for (const float component : entry) EXPECT_TRUE(component >= 0 && component <= 1) << name;
    }
  }
}

TEST(Colormap, IsFoundWithoutRegardToCaseByItsCanonicalName) {
  ASSERT_NE(find_colormap("VIRIDIS"), nullptr);
  EXPECT_EQ(find_colormap("VIRIDIS")->name, "viridis");
  EXPECT_EQ(find_colormap("piyg")->name, "PiYG");
  EXPECT_EQ(find_colormap("i blue")->name, "I Blue");
  EXPECT_EQ(find_colormap("beige"), nullptr);
  EXPECT_EQ(find_colormap(""), nullptr);
}

// From the published tables.
TEST(Colormap, EntriesAreTheKnownOnes) {
  expect_entry("viridis", 0, {0.267004, 0.004874, 0.329415});
  expect_entry("viridis", 255, {0.993248, 0.906157, 0.143936});
  expect_entry("magma", 255, {0.987053, 0.991438, 0.749504});
  expect_entry("turbo", 0, {0.18995, 0.07176, 0.23217});
  expect_entry("gray", 51, {0.2, 0.2, 0.2});
  expect_entry("gray_r", 0, {1, 1, 1});
  expect_entry("magenta", 255, {1, 0, 1});
  expect_entry("ice", 0, {0, 0, 1});
  expect_entry("fire", 0, {1, 1, 1});
  expect_entry("fire", 255, {1, 0, 0});
  expect_entry("HiLo", 0, {0, 0, 1});
  expect_entry("HiLo", 255, {1, 0, 0});
  expect_entry("bop blue", 235, {29 / 255.0, 158 / 255.0, 227 / 255.0});
  expect_entry("bop purple", 254, {146 / 255.0, 31 / 255.0, 146 / 255.0});
  expect_entry("bop purple", 255, {148 / 255.0, 32 / 255.0, 148 / 255.0});
}

}  // namespace
}  // namespace napari::data
