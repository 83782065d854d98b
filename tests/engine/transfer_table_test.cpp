#include "engine/transfer_table.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "engine/draw_reference.hpp"

namespace napari::engine {
namespace {

std::uint32_t expected_code(const data::Transfer& transfer, double value) {
  const auto rgb = reference::color(transfer, value);
  std::uint32_t code = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    code |=
        static_cast<std::uint32_t>(std::floor(255 * transfer.opacity * rgb[c] + 0.5 + 1.0 / 65536))
        << (8 * c);
  }
  return code;
}

int distance(std::uint32_t a, std::uint32_t b) {
  int most = 0;
  for (int shift = 0; shift < 24; shift += 8) {
    most = std::max(
        most, std::abs(static_cast<int>(a >> shift & 255) - static_cast<int>(b >> shift & 255)));
  }
  return most;
}

TEST(TransferTable, SmallIntegersAreExact) {
  for (const double gamma : {0.2, 1.0, 2.2}) {
    for (const char* const name : {"gray", "viridis", "HiLo", "twilight"}) {
      const data::Transfer transfer{-1200, 20000, gamma, 0.8, name};
      const auto table = TransferTable::make(transfer, data::DType::i16, false);
      ASSERT_TRUE(table.has_value());
      ASSERT_EQ((*table)->index(), TransferTable::Index::by_value);
      for (int value = -32768; value < 32768; ++value) {
        const std::uint32_t code =
            (*table)->codes()[static_cast<std::size_t>(value - (*table)->first_value())];
        ASSERT_EQ(code & 0xffffffU, expected_code(transfer, value)) << name << " " << value;
      }
    }
  }
}

TEST(TransferTable, BinsKeepTheirPromise) {
  std::mt19937 random(1);
  for (const double gamma : {0.2, 0.7, 1.0, 2.0}) {
    for (const char* const name : {"gray", "turbo", "HiLo", "hsv", "bop orange"}) {
      // Limits far from 0 against their distance: the worst case for single precision.
      const data::Transfer transfer{100000.1, 100037.3, gamma, 1, name};
      const auto made = TransferTable::make(transfer, data::DType::f32, false);
      ASSERT_TRUE(made.has_value());
      const TransferTable& table = **made;
      std::uniform_real_distribution<float> values(99999.0F, 100039.0F);
      for (int i = 0; i < 20000; ++i) {
        const float value = values(random);
        const float bin = ((value - table.low()) + table.low_rest()) * table.bins_per_unit();
        const float clamped =
            std::min(std::max(bin, 0.0F), static_cast<float>(TransferTable::kBins - 1));
        const std::uint32_t entry = table.codes()[static_cast<std::size_t>(clamped)];
        const std::uint32_t expected = expected_code(transfer, static_cast<double>(value));
        const int allowed = entry >> 24 == TransferTable::kExact       ? 0
                            : entry >> 24 == TransferTable::kWithinOne ? 1
                                                                       : 255;
        ASSERT_LE(distance(entry, expected), allowed)
            << name << " gamma " << gamma << " value " << value;
        ASSERT_EQ(table.exact_code(static_cast<double>(value)) & 0xffffffU, expected);
      }
    }
  }
}

TEST(TransferTable, EqualLimitsAreAStep) {
  const auto table = TransferTable::make({5, 5, 1, 1, "gray"}, data::DType::u8, false);
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ((*table)->codes()[5], 0xff000000U);
  EXPECT_EQ((*table)->codes()[6], 0xffffffffU);
}

TEST(TransferTable, RefusesWhatCannotBeDrawn) {
  const auto message = [](data::Transfer transfer) {
    const auto table = TransferTable::make(transfer, data::DType::u8, false);
    return table ? std::string() : table.error().message;
  };
  EXPECT_NE(message({0, 1, 1, 1, "beige"}).find("beige"), std::string::npos);
  EXPECT_NE(message({0, 1, 0, 1, "gray"}).find("gamma"), std::string::npos);
  EXPECT_NE(message({0, 1, 1, 1.5, "gray"}).find("opacity"), std::string::npos);
  EXPECT_NE(message({0, std::nan(""), 1, 1, "gray"}).find("contrast"), std::string::npos);
}

}  // namespace
}  // namespace napari::engine
