// Contrast, gamma, colour map and opacity of one layer as a look-up table (docs/drawing.md, "Value to colour"), shared by
// both back ends. Immutable once made; make one a layer and reuse it while `matches`.
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "data/colormap.hpp"
#include "data/render_plan.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class TransferTable {
 public:
  // How a value finds its entry.
  //   by_value : entry = value - first_value(); exact; 8- and 16-bit integers that were not interpolated
  //   by_bin   : entry = floor(clamp(((value - low()) + low_rest()) * bins_per_unit(), 0, kBins - 1)), NaN -> 0
  enum class Index { by_value, by_bin };
  static constexpr int kBins = 32768;

  // What an entry's fourth byte says about how far the other three hold for every value of its bin.
  static constexpr std::uint32_t kExact = 255;      // equal to `exact_code` everywhere in the bin
  static constexpr std::uint32_t kWithinOne = 128;  // at most one code value off
  static constexpr std::uint32_t kAsk = 0;  // steep: call `exact_code` (GL: evaluate in the shader)

  // `interpolated`: values lie between voxels. Unknown colour maps, non-finite or unusable numbers are `invalid_argument`.
  [[nodiscard]] static gstx::Result<std::shared_ptr<const TransferTable>> make(
      const data::Transfer& transfer, data::DType dtype, bool interpolated);
  [[nodiscard]] bool matches(const data::Transfer& transfer, data::DType dtype,
                             bool interpolated) const;

  [[nodiscard]] Index index() const { return index_; }
  [[nodiscard]] bool interpolated() const { return interpolated_; }
  [[nodiscard]] int first_value() const { return first_value_; }
  [[nodiscard]] float low() const { return low_; }
  [[nodiscard]] float low_rest() const { return low_rest_; }
  [[nodiscard]] float bins_per_unit() const { return bins_per_unit_; }
  [[nodiscard]] float opacity() const { return static_cast<float>(transfer_.opacity); }

  // R | G << 8 | B << 16 | certainty << 24 of opacity * colour: a layer alone over black.
  [[nodiscard]] const std::vector<std::uint32_t>& codes() const { return codes_; }
  // opacity * colour, red, green and blue of all entries one after the other (3 * codes().size()), for several layers.
  [[nodiscard]] const std::vector<float>& colors() const { return colors_; }

  // opacity * colour of a value, and its code with alpha 255, in double precision.
  [[nodiscard]] std::array<double, 3> exact_color(double value) const;
  [[nodiscard]] std::uint32_t exact_code(double value) const;

 private:
  TransferTable() = default;
  void fill_by_value(int count);
  void fill_by_bin();
  void put(std::size_t entry, const std::array<double, 3>& color, std::uint32_t certainty);

  data::Transfer transfer_;
  data::DType dtype_{data::DType::u8};
  bool interpolated_{false};
  const data::ColormapTable* colormap_{nullptr};
  Index index_{Index::by_bin};
  int first_value_{0};
  float low_{0};
  float low_rest_{0};
  float bins_per_unit_{1};
  std::vector<std::uint32_t> codes_;
  std::vector<float> colors_;
};
using TransferTablePtr = std::shared_ptr<const TransferTable>;

// floor(255 * c + 0.5), ties up in spite of rounding (docs/drawing.md).
[[nodiscard]] std::uint32_t color_code(double component);

}  // namespace napari::engine
