#include "engine/transfer_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace napari::engine {
namespace {

constexpr double kTie =
    1.0 / 65536;  // larger than any rounding of a colour, smaller than anything seen

bool indexed_by_value(data::DType dtype, bool interpolated) {
  return !interpolated && data::byte_size(dtype) <= 2;
}

// How far apart two codes are in the component that differs most.
int distance(std::uint32_t a, std::uint32_t b) {
  int most = 0;
  for (int shift = 0; shift < 24; shift += 8) {
    most = std::max(
        most, std::abs(static_cast<int>(a >> shift & 255) - static_cast<int>(b >> shift & 255)));
  }
  return most;
}

gstx::Result<void> check(const data::Transfer& transfer) {
  const bool finite = std::isfinite(transfer.contrast_low) && std::isfinite(transfer.contrast_high);
  if (!finite)
    return gstx::fail(gstx::ErrorCode::invalid_argument, "contrast limits are not finite");
  if (!(transfer.gamma > 0) || !std::isfinite(transfer.gamma)) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("gamma {} is not above 0", transfer.gamma));
  }
  if (!(transfer.opacity >= 0 && transfer.opacity <= 1)) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("opacity {} not in 0..1", transfer.opacity));
  }
  return {};
}

}  // namespace

std::uint32_t color_code(double component) {
  const double code = 255 * component + 0.5 + kTie;  // positive: truncating is the floor
  return static_cast<std::uint32_t>(std::clamp(code, 0.0, 255.0));
}

gstx::Result<std::shared_ptr<const TransferTable>> TransferTable::make(
    const data::Transfer& transfer, data::DType dtype, bool interpolated) {
  GSTX_TRY(check(transfer));
  std::shared_ptr<TransferTable> table(new TransferTable);
  table->colormap_ = data::find_colormap(transfer.colormap);
  if (table->colormap_ == nullptr) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("colour map \"{}\" is not known", transfer.colormap));
  }
  table->transfer_ = transfer;
  table->dtype_ = dtype;
  table->interpolated_ = interpolated;
  if (indexed_by_value(dtype, interpolated)) {
    const int count = data::byte_size(dtype) == 1 ? 256 : 65536;
    const bool is_signed = dtype == data::DType::i8 || dtype == data::DType::i16;
    table->index_ = Index::by_value;
    table->first_value_ = is_signed ? -count / 2 : 0;
    table->fill_by_value(count);
  } else {
    table->fill_by_bin();
  }
  return std::shared_ptr<const TransferTable>(std::move(table));
}

bool TransferTable::matches(const data::Transfer& transfer, data::DType dtype,
                            bool interpolated) const {
  return dtype == dtype_ && interpolated == interpolated_ && transfer == transfer_;
}

std::array<double, 3> TransferTable::exact_color(double value) const {
  const double span = transfer_.contrast_high - transfer_.contrast_low;
  double t = 0;
  if (value > transfer_.contrast_low) {  // false for NaN
    t = span > 0 ? std::min(1.0, (value - transfer_.contrast_low) / span) : 1.0;
  }
  if (transfer_.gamma != 1) t = std::pow(t, transfer_.gamma);
  const double p = 255 * t;
  const auto entry = std::min(static_cast<std::size_t>(p), std::size_t{254});
  const double weight = p - static_cast<double>(entry);
  std::array<double, 3> color{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double from = colormap_->rgb[entry][c];
    const double to = colormap_->rgb[entry + 1][c];
    color[c] = transfer_.opacity * (from + (to - from) * weight);
  }
  return color;
}

std::uint32_t TransferTable::exact_code(double value) const {
  const std::array<double, 3> color = exact_color(value);
  return color_code(color[0]) | color_code(color[1]) << 8 | color_code(color[2]) << 16 |
         0xff000000U;
}

void TransferTable::put(std::size_t entry, const std::array<double, 3>& color,
                        std::uint32_t certainty) {
  std::uint32_t code = certainty << 24;
  for (std::size_t c = 0; c < 3; ++c) {
    code |= color_code(color[c]) << (8 * c);
    colors_[c * codes_.size() + entry] = static_cast<float>(color[c]);
  }
  codes_[entry] = code;
}

void TransferTable::fill_by_value(int count) {
  codes_.resize(static_cast<std::size_t>(count));
  colors_.resize(3 * codes_.size());
  const std::array<double, 3> bottom = exact_color(-std::numeric_limits<double>::infinity());
  const std::array<double, 3> top = exact_color(std::numeric_limits<double>::infinity());
  for (int i = 0; i < count; ++i) {
    const double value = first_value_ + i;
    const bool below = value <= transfer_.contrast_low;
    const bool above = !below && value >= transfer_.contrast_high;
    put(static_cast<std::size_t>(i), below ? bottom : above ? top : exact_color(value), kExact);
  }
}

// The index is computed in single precision, so that a value next to a bin's edge may land in the neighbour: certainty is
// judged over the bin and a sixteenth of either neighbour, at its ends and its middle. Colours are monotonic between two
// entries of a colour map, which are 128 bins apart at gamma 1; where gamma crowds them into one bin the ends differ.
void TransferTable::fill_by_bin() {
  codes_.resize(kBins);
  colors_.resize(3 * codes_.size());
  const double span = std::max(transfer_.contrast_high - transfer_.contrast_low, 1e-30);
  low_ = static_cast<float>(transfer_.contrast_low);
  low_rest_ = static_cast<float>(static_cast<double>(low_) - transfer_.contrast_low);
  bins_per_unit_ = static_cast<float>(std::min(kBins / span, 3e38));
  constexpr double kMargin = 1.0 / 16;
  const auto value_at = [&](double bin) { return transfer_.contrast_low + span * bin / kBins; };
  for (int i = 0; i < kBins; ++i) {
    const double middle = value_at(i + 0.5);
    const std::uint32_t start = exact_code(i == 0 ? transfer_.contrast_low : value_at(i - kMargin));
    const std::uint32_t end =
        exact_code(i == kBins - 1 ? transfer_.contrast_high : value_at(i + 1 + kMargin));
    const std::uint32_t code = exact_code(middle);
    const int off = std::max(distance(code, start), distance(code, end));
    const double p_span = 255 * (std::pow(std::min(1.0, (i + 1.0) / kBins), transfer_.gamma) -
                                 std::pow(i / static_cast<double>(kBins), transfer_.gamma));
    const bool steep = off > 1 || p_span > 1;
    put(static_cast<std::size_t>(i), exact_color(middle),
        steep      ? kAsk
        : off == 1 ? kWithinOne
                   : kExact);
  }
}

}  // namespace napari::engine
