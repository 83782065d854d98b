#include "nvencsink/sink_stats.hpp"

#include <algorithm>

namespace napari::elements {
namespace {
constexpr std::int64_t kWindowNs = 1'000'000'000;
}  // namespace

void SinkStats::count(const AccessUnit& unit) {
  state_.with([&](State& state) {
    ++state.totals.frames_encoded;
    state.totals.keyframes += unit.keyframe ? 1 : 0;
    state.totals.bytes += unit.bytes;
    state.totals.latency_ms = static_cast<double>(unit.latency_ns) / 1e6;
    state.encode_ns[state.times++ % kTimesMax] = unit.encode_ns;
    state.window.push_back({.at_ns = unit.now_ns, .bytes = unit.bytes});
    while (state.window.size() > kWindowMax || state.window.front().at_ns < unit.now_ns - kWindowNs)
      state.window.pop_front();
  });
}

void SinkStats::reset() {
  state_.with([](State& state) { state = State{}; });
}

SinkFigures SinkStats::figures(std::int64_t now_ns) const {
  return state_.with([&](const State& state) {
    SinkFigures figures = state.totals;
    std::uint64_t bytes = 0;
    for (const Entry& entry : state.window) {
      if (entry.at_ns < now_ns - kWindowNs) continue;
      figures.fps += 1;
      bytes += entry.bytes;
    }
    figures.bitrate_bps = static_cast<double>(bytes) * 8;
    auto times = state.encode_ns;
    const std::size_t count = std::min(state.times, kTimesMax);
    if (count > 0) {
      const auto middle = times.begin() + static_cast<std::ptrdiff_t>(count / 2);
      std::nth_element(times.begin(), middle, times.begin() + static_cast<std::ptrdiff_t>(count));
      figures.encode_ms_p50 = static_cast<double>(*middle) / 1e6;
    }
    return figures;
  });
}

GstStructure* to_structure(const SinkFigures& figures) {
  return gst_structure_new(
      "napari-stats", "frames-encoded", G_TYPE_UINT64, figures.frames_encoded, "keyframes",
      G_TYPE_UINT64, figures.keyframes, "bytes", G_TYPE_UINT64, figures.bytes, "encode-ms-p50",
      G_TYPE_DOUBLE, figures.encode_ms_p50, "fps", G_TYPE_DOUBLE, figures.fps, "bitrate",
      G_TYPE_DOUBLE, figures.bitrate_bps, "latency-ms", G_TYPE_DOUBLE, figures.latency_ms, nullptr);
}

}  // namespace napari::elements
