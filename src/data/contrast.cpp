#include "data/contrast.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "data/dispatch.hpp"
#include "data/roi.hpp"

namespace napari::data {

namespace {

// Percentiles of so many values are as good as of all.
constexpr std::int64_t kValuesMax = 4 << 20;

std::optional<std::size_t> channel_axis(const ImageInfo& info) {
  for (std::size_t axis = 0; axis < info.axes.size(); ++axis) {
    if (info.axes[axis].type == AxisType::channel) return axis;
  }
  return std::nullopt;
}

struct Sample {
  std::vector<double> values;
  double low{std::numeric_limits<double>::infinity()};
  double high{-std::numeric_limits<double>::infinity()};
};

template <typename T>
void add_voxels(std::span<const std::byte> bytes, std::int64_t step, Sample& sample) {
  const auto* voxels = reinterpret_cast<const T*>(bytes.data());
  const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(T));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(voxels[i]);
    if (!std::isfinite(value)) continue;
    sample.low = std::min(sample.low, value);
    sample.high = std::max(sample.high, value);
    if (i % step == 0) sample.values.push_back(value);
  }
}

// What of the region is read: all of it, or chunks spread evenly over it, each cut to its share of kSampleBytes.
std::vector<Region> sampled_parts(const Region& region, const Level& level) {
  if (region_bytes(region, level.dtype) <= kSampleBytes) return {region};
  constexpr std::int64_t kPartsMax = 16;
  constexpr std::int64_t kCandidatesMax = 1 << 16;
  std::vector<std::int64_t> step = level.chunk;
  for (std::size_t axis = 0; chunk_count(region, step) > kCandidatesMax;
       axis = (axis + 1) % step.size()) {
    step[axis] *= 2;
  }
  const std::vector<Region> all = split_by_chunks(region, step);
  const auto count = static_cast<std::int64_t>(all.size());
  std::vector<Region> parts;
  for (std::int64_t i = 0; i < std::min(count, kPartsMax); ++i) {
    Region part =
        all[static_cast<std::size_t>((2 * i + 1) * count / (2 * std::min(count, kPartsMax)))];
    for (std::size_t axis = 0; axis < part.shape.size(); ++axis) {
      while (part.shape[axis] > 1 && region_bytes(part, level.dtype) > kSampleBytes / kPartsMax) {
        part.start[axis] += part.shape[axis] / 4;  // the middle half
        part.shape[axis] /= 2;
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

gstx::Result<Sample> take_sample(const ImageSource& source, std::int64_t channel,
                                 const std::stop_token& stop) {
  const ImageInfo& info = source.info();
  const auto level_index = static_cast<int>(info.levels.size()) - 1;
  const Level& level = info.levels.back();
  Region region = whole(level.shape);
  if (const auto axis = channel_axis(info)) {
    region.start[*axis] = channel;
    region.shape[*axis] = 1;
  }
  const std::vector<Region> parts = sampled_parts(region, level);
  std::int64_t voxels = 0;
  for (const Region& part : parts) voxels += part.voxels();
  const std::int64_t step = (voxels + kValuesMax - 1) / kValuesMax;
  Sample sample;
  std::vector<std::byte> bytes;
  for (const Region& part : parts) {
    bytes.resize(static_cast<std::size_t>(region_bytes(part, level.dtype)));
    GSTX_TRY(source.read(level_index, part, bytes, stop));
    dispatch(level.dtype, [&]<typename T>() { add_voxels<T>(bytes, step, sample); });
  }
  return sample;
}

// numpy's "linear" percentile; reorders.
double percentile(std::vector<double>& values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), nth, values.end());
  const double low = *nth;
  if (below + 1 >= values.size()) return low;
  const double high = *std::min_element(nth + 1, values.end());
  return low + (high - low) * (rank - static_cast<double>(below));
}

}  // namespace

std::int64_t channel_count(const ImageInfo& info) {
  const auto axis = channel_axis(info);
  return axis ? info.levels.front().shape[*axis] : 1;
}

std::array<double, 2> limits_of(std::vector<double>& values) {
  if (values.empty()) return {0, 1};
  const std::array<double, 2> limits{percentile(values, kPercentileLow),
                                     percentile(values, kPercentileHigh)};
  if (limits[0] < limits[1]) return limits;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low < *high) return {*low, *high};
  return {0, 1};
}

gstx::Result<Contrast> measure_contrast(const ImageSource& source, std::int64_t channel,
                                        std::stop_token stop) {
  const ImageInfo& info = source.info();
  if (channel < 0 || channel >= channel_count(info)) {
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("channel {} not in 0..{}", channel, channel_count(info) - 1));
  }
  ChannelInfo stated;
  if (static_cast<std::size_t>(channel) < info.channels.size()) {
    stated = info.channels[static_cast<std::size_t>(channel)];
  }
  if (info.levels.front().dtype == DType::u8) stated.range = {0, 255};
  Contrast contrast;
  if (!stated.window || !stated.range) {
    GSTX_ASSIGN_OR_RETURN(Sample sample, take_sample(source, channel, stop));
    contrast.limits = limits_of(sample.values);
    contrast.range = contrast.limits;
    if (sample.low < sample.high) contrast.range = {sample.low, sample.high};
  }
  if (stated.window) contrast.limits = *stated.window;
  if (stated.range) contrast.range = *stated.range;
  contrast.range[0] = std::min(contrast.range[0], contrast.limits[0]);
  contrast.range[1] = std::max(contrast.range[1], contrast.limits[1]);
  return contrast;
}

}  // namespace napari::data
