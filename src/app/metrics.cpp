#include "app/metrics.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace napari::app {
namespace {

enum class Kind { counter, gauge };

struct Metric {
  std::string_view name;
  Kind kind;
  double value;
  std::string_view help;
};

struct Totals {
  double frames_encoded{0}, keyframes{0}, bytes{0}, fps{0}, bitrate_bps{0}, draw_ms{0},
      encode_ms{0};
};

Totals total(const runtime::RuntimeReport& report) {
  Totals totals;
  for (const runtime::TierReport& tier : report.tiers) {
    totals.frames_encoded += static_cast<double>(tier.frames_encoded);
    totals.keyframes += static_cast<double>(tier.keyframes);
    totals.bytes += static_cast<double>(tier.bytes_encoded);
    totals.fps = std::max(totals.fps, tier.fps);
    totals.bitrate_bps += tier.bitrate_bps;
    totals.draw_ms = std::max(totals.draw_ms, tier.draw_ms_p50);
    totals.encode_ms = std::max(totals.encode_ms, tier.encode_ms_p50);
  }
  return totals;
}

std::vector<Metric> collect(const control::ServiceReport& s, const runtime::RuntimeReport& r) {
  const Totals t = total(r);
  const auto d = [](auto value) { return static_cast<double>(value); };
  return {
      {"napari_cuda_frames_total", Kind::counter, t.frames_encoded, "frames encoded, all tiers"},
      {"napari_cuda_keyframes_total", Kind::counter, t.keyframes, "of these, IDRs"},
      {"napari_cuda_bytes_total", Kind::counter, t.bytes, "bytes encoded"},
      {"napari_cuda_frames_sent_total", Kind::counter, d(s.frames_sent), "frames times clients"},
      {"napari_cuda_bytes_sent_total", Kind::counter, d(s.bytes_sent),
       "bytes of frames handed to sockets"},
      {"napari_cuda_frames_dropped", Kind::counter, d(s.frames_dropped),
       "frames not sent to a slow client"},
      {"napari_cuda_clients_resynced_total", Kind::counter, d(s.clients_resynced),
       "slow clients that went on at an IDR"},
      {"napari_cuda_state_connects", Kind::counter, d(s.sessions), "state sessions accepted"},
      {"napari_cuda_sessions_rejected_total", Kind::counter, d(s.sessions_rejected),
       "hellos rejected"},
      {"napari_cuda_requests_denied_total", Kind::counter, d(s.requests_denied),
       "requests answered 401, 403 or 503"},
      {"napari_cuda_intents_accepted_total", Kind::counter, d(s.intents_accepted),
       "state updates accepted"},
      {"napari_cuda_intents_rejected_total", Kind::counter, d(s.intents_rejected),
       "state updates rejected"},
      {"napari_cuda_commands_total", Kind::counter, d(s.commands), "commands called"},
      {"napari_cuda_commands_failed_total", Kind::counter, d(s.commands_failed),
       "commands answered with an error"},
      {"napari_cuda_reads_total", Kind::counter, d(r.reads), "reads of the data set"},
      {"napari_cuda_reads_cancelled_total", Kind::counter, d(r.reads_cancelled),
       "reads cancelled because the view moved on"},
      {"napari_cuda_reads_failed_total", Kind::counter, d(r.reads_failed), "reads that failed"},
      {"napari_cuda_read_bytes_total", Kind::counter, d(r.bytes_read), "decoded bytes read"},
      {"napari_cuda_cache_bytes", Kind::gauge, d(r.cache_bytes), "decoded bytes held"},
      {"napari_cuda_cache_budget_bytes", Kind::gauge, d(r.cache_budget_bytes),
       "bytes that may be held"},
      {"napari_cuda_state_clients", Kind::gauge, d(s.state_clients_now), "state sockets open"},
      {"napari_cuda_pixel_clients", Kind::gauge, d(s.pixel_clients_now), "pixel sockets open"},
      {"napari_cuda_scene_version", Kind::gauge, d(s.scene_version), "version of the ledger"},
      {"napari_cuda_level_drawn", Kind::gauge, d(r.level_drawn),
       "pyramid level that is drawn, -1 for none"},
      {"napari_cuda_draw_scale", Kind::gauge, r.draw_scale, "drawn size over canvas size"},
      {"napari_cuda_fps", Kind::gauge, t.fps, "frames encoded in the last second, busiest tier"},
      {"napari_cuda_bitrate_bps", Kind::gauge, t.bitrate_bps, "bits encoded in the last second"},
      {"napari_cuda_render_ms_p50", Kind::gauge, t.draw_ms, "median time to draw a picture, ms"},
      {"napari_cuda_encode_ms_p50", Kind::gauge, t.encode_ms,
       "median time to encode a picture, ms"},
      {"napari_cuda_ack_ms_p50", Kind::gauge, s.ack_ms_p50,
       "median time from an intent to its ack, ms"},
      {"napari_cuda_ack_ms_p99", Kind::gauge, s.ack_ms_p99, "99th percentile of it, ms"},
  };
}

}  // namespace

std::string prometheus_text(const control::ServiceReport& service,
                            const runtime::RuntimeReport& runtime) {
  std::string text;
  for (const Metric& metric : collect(service, runtime))
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", metric.name, metric.help,
                        metric.kind == Kind::counter ? "counter" : "gauge", metric.value);
  return text;
}

std::string metrics_json(const control::ServiceReport& service,
                         const runtime::RuntimeReport& runtime, double unix_time_s) {
  std::string counters;
  std::string gauges;
  for (const Metric& metric : collect(service, runtime)) {
    std::string& group = metric.kind == Kind::counter ? counters : gauges;
    group += fmt::format("{}\"{}\":{}", group.empty() ? "" : ",", metric.name, metric.value);
  }
  return fmt::format(
      R"({{"version":"v1","ts":{:.3f},"gauges":{{{}}},"counters":{{{}}},"histograms":{{}},"derived":{{"fps":{:.2f}}}}})",
      unix_time_s, gauges, counters, total(runtime).fps);
}

}  // namespace napari::app
