#include "engine/encoder_choice.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include "gstx/thread.hpp"
#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;

constexpr std::array kCandidates{
    EncoderCandidate{EncoderKind::nvenc_cuda, "nvcudah264enc", "nvenc", nullptr},
    EncoderCandidate{EncoderKind::nvenc, "nvh264enc", "nvenc", nullptr},
    EncoderCandidate{EncoderKind::x264, "x264enc", "x264", nullptr},
    EncoderCandidate{EncoderKind::openh264, "openh264enc", "openh264", "I420"},
};

constexpr GstClockTime kProbeTimeout = 10 * GST_SECOND;
constexpr int kThreadsMax = 16;
constexpr int kSliceRowsMin = 64;
constexpr double kIdrSeconds = 0.1;

// Properties differ between releases of a plugin: one that is not there is left alone.
void set_argument(GstElement* element, const char* property, const std::string& value) {
  if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property) != nullptr)
    gst_util_set_object_arg(G_OBJECT(element), property, value.c_str());
}

int thread_count(const EncoderSettings& settings) {
  const int wanted =
      settings.threads > 0 ? settings.threads : static_cast<int>(g_get_num_processors());
  const int by_height = std::max(1, settings.size.height_px / kSliceRowsMin);
  return std::clamp(wanted, 1, std::min(kThreadsMax, by_height));
}

double megapixels(data::CanvasSize size) {
  return static_cast<double>(size.width_px) * size.height_px / 1e6;
}

// From measured core milliseconds a megapixel (ultrafast 10, superfast 20, veryfast 26), with room for threads that do not
// scale and for 40 % of the time left to everybody else.
const char* speed_preset(const EncoderSettings& settings) {
  constexpr double kVeryfast = 60;
  constexpr double kSuperfast = 40;
  const double budget =
      0.6 * 1000 / settings.fps() * thread_count(settings) / megapixels(settings.size);
  if (budget >= kVeryfast) return "veryfast";
  return budget >= kSuperfast ? "superfast" : "ultrafast";
}

void configure_x264(GstElement* encoder, const EncoderSettings& settings) {
  set_argument(encoder, "speed-preset", speed_preset(settings));
  set_argument(encoder, "tune", "zerolatency");
  set_argument(encoder, "bframes", "0");
  set_argument(encoder, "rc-lookahead", "0");
  set_argument(encoder, "aud", "false");
  set_argument(encoder, "byte-stream", "true");
  set_argument(encoder, "key-int-max", "2147483647");
  set_argument(encoder, "option-string", "scenecut=0");
  set_argument(encoder, "threads", fmt::format("{}", thread_count(settings)));
  set_argument(encoder, "vbv-buf-capacity",
               fmt::format("{}", static_cast<int>(kIdrSeconds * 1000)));
}

void configure_openh264(GstElement* encoder, const EncoderSettings& settings) {
  set_argument(encoder, "rate-control", "bitrate");
  set_argument(encoder, "complexity", "low");
  set_argument(encoder, "gop-size", "0");
  set_argument(encoder, "usage-type", "camera");
  set_argument(encoder, "scene-change-detection", "false");
  set_argument(encoder, "background-detection", "false");
  set_argument(encoder, "adaptive-quantization", "false");
  set_argument(encoder, "enable-frame-skip", "false");
  const int threads = std::min(thread_count(settings), 4);  // the library's own limit
  set_argument(encoder, "multi-thread", fmt::format("{}", threads));
  set_argument(encoder, "slice-mode", "auto");
  // It picks the level from the maximum, once; going past the level later would cost an IDR.
  set_argument(encoder, "max-bitrate",
               fmt::format("{}", settle_bitrate_bps(EncoderKind::openh264, settings)));
}

void configure_nvenc(GstElement* encoder, EncoderKind kind, const EncoderSettings& settings) {
  set_argument(encoder, "gop-size", "-1");
  set_argument(encoder, "zerolatency", "true");
  set_argument(encoder, "aud", "false");
  const auto vbv_kbit =
      static_cast<std::int64_t>(static_cast<double>(settings.bitrate_bps) * kIdrSeconds / 1000);
  set_argument(encoder, "vbv-buffer-size", fmt::format("{}", vbv_kbit));
  if (kind == EncoderKind::nvenc_cuda) {
    set_argument(encoder, "preset", "p3");
    set_argument(encoder, "tune", "ultra-low-latency");
    set_argument(encoder, "rate-control", "cbr");
    set_argument(encoder, "b-frames", "0");
    set_argument(encoder, "repeat-sequence-header", "true");
  } else {
    set_argument(encoder, "preset", "low-latency-hp");
    set_argument(encoder, "rc-mode", "cbr");
    set_argument(encoder, "bframes", "0");
  }
}

// Table A-1: the highest bit rate of the lowest level that holds size and rate, Baseline.
std::int64_t level_bitrate_bps(const EncoderSettings& settings) {
  struct Level {
    double macroblocks_per_s;
    double macroblocks;
    std::int64_t bitrate_bps;
  };
  static constexpr std::array<Level, 9> kLevels{{{1485, 99, 64'000},
                                                 {11880, 396, 2'000'000},
                                                 {20250, 1620, 4'000'000},
                                                 {40500, 1620, 10'000'000},
                                                 {108000, 3600, 14'000'000},
                                                 {216000, 5120, 20'000'000},
                                                 {522240, 8704, 50'000'000},
                                                 {589824, 22080, 135'000'000},
                                                 {983040, 36864, 240'000'000}}};
  const int columns = (settings.size.width_px + 15) / 16;
  const int rows = (settings.size.height_px + 15) / 16;
  const double macroblocks = static_cast<double>(columns) * rows;
  for (const Level& level : kLevels) {
    if (macroblocks <= level.macroblocks && macroblocks * settings.fps() <= level.macroblocks_per_s)
      return level.bitrate_bps;
  }
  return kLevels.back().bitrate_bps;
}

using ProbeKey = std::tuple<std::string, int, int>;
gstx::Guarded<std::map<ProbeKey, Result<void>>>& probe_cache() {
  static gstx::Guarded<std::map<ProbeKey, Result<void>>> cache;
  return cache;
}

Ref<GstCaps> make_probe_caps(const EncoderCandidate& candidate, const EncoderSettings& settings) {
  return Ref<GstCaps>::adopt(gst_caps_new_simple(
      "video/x-raw", "format", G_TYPE_STRING,
      candidate.input_format != nullptr ? candidate.input_format : "NV12", "width", G_TYPE_INT,
      settings.size.width_px, "height", G_TYPE_INT, settings.size.height_px, "framerate",
      GST_TYPE_FRACTION, settings.fps_numerator, settings.fps_denominator, nullptr));
}

Ref<GstBuffer> make_grey_picture(GstCaps* caps) {
  GstVideoInfo info;
  if (gst_video_info_from_caps(&info, caps) == FALSE) return nullptr;
  auto buffer = Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  if (!buffer) return nullptr;
  gst_buffer_memset(buffer.get(), 0, 128, info.size);
  GST_BUFFER_PTS(buffer.get()) = 0;
  GST_BUFFER_DURATION(buffer.get()) =
      gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(GST_VIDEO_INFO_FPS_D(&info)),
                            static_cast<guint64>(GST_VIDEO_INFO_FPS_N(&info)));
  return buffer;
}

std::string take_bus_error(GstElement* pipeline) {
  const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline));
  const auto message = Ref<GstMessage>::adopt(gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR));
  if (!message) return "gave no access unit for a picture";
  GError* error = nullptr;
  gst_message_parse_error(message.get(), &error, nullptr);
  const gstx::UniqueError owned(error);
  return error->message;
}

Result<void> encode_one(const EncoderCandidate& candidate, const EncoderSettings& settings) {
  GSTX_ASSIGN_OR_RETURN(Ref<GstElement> encoder, make_encoder(candidate, settings));
  const Ref<GstCaps> caps = make_probe_caps(candidate, settings);
  const Ref<GstBuffer> picture = make_grey_picture(caps.get());
  if (!picture)
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot allocate a picture of {} x {}", settings.size.width_px,
                            settings.size.height_px));
  const auto pipeline = Ref<GstElement>::sink(gst_pipeline_new(nullptr));
  GstElement* source = gst_element_factory_make("appsrc", nullptr);
  GstElement* sink = gst_element_factory_make("appsink", nullptr);
  if (source == nullptr || sink == nullptr) {
    gst_clear_object(&source);
    gst_clear_object(&sink);
    return fail(ErrorCode::not_found, "appsrc or appsink is missing (gstreamer1.0-plugins-base)");
  }
  g_object_set(source, "caps", caps.get(), "format", GST_FORMAT_TIME, nullptr);
  g_object_set(sink, "sync", FALSE, nullptr);
  GstElement* const element = encoder.get();
  gst_bin_add_many(GST_BIN(pipeline.get()), source, element, sink, nullptr);
  Result<void> result{};
  if (gst_element_link_many(source, element, sink, nullptr) == FALSE) {
    result = fail(ErrorCode::unsupported, "does not take the picture format");
  } else {
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
    gst_app_src_push_buffer(GST_APP_SRC(source), Ref<GstBuffer>(picture).release());
    // openh264enc never holds a picture back, and its library complains on stderr when it is drained.
    if (candidate.kind != EncoderKind::openh264) gst_app_src_end_of_stream(GST_APP_SRC(source));
    const auto sample =
        Ref<GstSample>::adopt(gst_app_sink_try_pull_sample(GST_APP_SINK(sink), kProbeTimeout));
    if (!sample) result = fail(ErrorCode::unsupported, take_bus_error(pipeline.get()));
  }
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  return result;
}

}  // namespace

std::span<const EncoderCandidate> encoder_candidates() { return kCandidates; }

Result<std::vector<EncoderCandidate>> candidates_for(std::string_view choice) {
  std::vector<EncoderCandidate> candidates;
  for (const EncoderCandidate& candidate : kCandidates) {
    if (choice == "auto" || choice == candidate.choice) candidates.push_back(candidate);
  }
  if (candidates.empty())
    return fail(ErrorCode::invalid_argument,
                fmt::format("encoder '{}' is none of auto, nvenc, x264, openh264", choice));
  return candidates;
}

Result<Ref<GstElement>> make_encoder(const EncoderCandidate& candidate,
                                     const EncoderSettings& settings) {
  GstElement* made = gst_element_factory_make(candidate.factory, nullptr);
  if (made == nullptr)
    return fail(ErrorCode::not_found, "not installed, or its library did not load");
  auto encoder = Ref<GstElement>::sink(made);
  switch (candidate.kind) {
    case EncoderKind::x264:
      configure_x264(made, settings);
      break;
    case EncoderKind::openh264:
      configure_openh264(made, settings);
      break;
    case EncoderKind::nvenc_cuda:
    case EncoderKind::nvenc:
      configure_nvenc(made, candidate.kind, settings);
      break;
  }
  set_encoder_bitrate(made, candidate.kind, settings.bitrate_bps);
  return encoder;
}

void set_encoder_bitrate(GstElement* encoder, EncoderKind kind, std::int64_t bitrate_bps) {
  constexpr std::int64_t kKbitMax = 2'048'000;
  const std::int64_t value = kind == EncoderKind::openh264
                                 ? std::clamp<std::int64_t>(bitrate_bps, 1000, G_MAXINT32)
                                 : std::clamp<std::int64_t>(bitrate_bps / 1000, 1, kKbitMax);
  set_argument(encoder, "bitrate", fmt::format("{}", value));
}

std::int64_t settle_bitrate_bps(EncoderKind kind, const EncoderSettings& settings) {
  constexpr double kBitsPerPixel = 1.0;
  constexpr std::int64_t kBitrateMax = 2'000'000'000;
  std::int64_t wanted = settings.max_bitrate_bps;
  if (wanted == 0) {
    wanted = std::max(settings.bitrate_bps * 8,
                      static_cast<std::int64_t>(megapixels(settings.size) * 1e6 * kBitsPerPixel *
                                                settings.fps()));
  }
  if (kind == EncoderKind::openh264) wanted = std::min(wanted, level_bitrate_bps(settings));
  return std::clamp(wanted, settings.bitrate_bps, std::max(kBitrateMax, settings.bitrate_bps));
}

std::int64_t idr_bitrate_bps(EncoderKind kind, std::int64_t bitrate_bps, double fps) {
  if (kind != EncoderKind::openh264) return bitrate_bps;
  // An IDR gets four frames' worth of bits.
  constexpr double kIdrFrames = 4;
  const double share = std::min(1.0, kIdrSeconds * fps / kIdrFrames);
  return static_cast<std::int64_t>(static_cast<double>(bitrate_bps) * share);
}

Result<void> probe_encoder(const EncoderCandidate& candidate, const EncoderSettings& settings) {
  const ProbeKey key{candidate.factory, settings.size.width_px, settings.size.height_px};
  const auto known = probe_cache().with([&](auto& cache) -> std::optional<Result<void>> {
    const auto found = cache.find(key);
    if (found == cache.end()) return std::nullopt;
    return found->second;
  });
  if (known) return *known;
  Result<void> result = encode_one(candidate, settings);
  probe_cache().with([&](auto& cache) { cache.insert_or_assign(key, result); });
  return result;
}

Result<EncoderChoice> choose_encoder(const std::vector<EncoderCandidate>& candidates,
                                     const EncoderSettings& settings) {
  std::string report;
  for (const EncoderCandidate& candidate : candidates) {
    const auto opened = probe_encoder(candidate, settings);
    if (opened) {
      report += fmt::format("{}: chosen, it encoded a picture of {} x {}\n", candidate.factory,
                            settings.size.width_px, settings.size.height_px);
      return EncoderChoice{.candidate = candidate, .report = report};
    }
    report += fmt::format("{}: {}\n", candidate.factory, opened.error().message);
  }
  return fail(ErrorCode::unsupported, "no H.264 encoder opens:\n" + report);
}

}  // namespace napari::engine
