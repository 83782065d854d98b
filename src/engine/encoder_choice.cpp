#include "engine/encoder_choice.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "data/core_budget.hpp"
#include "engine/encoder_probe.hpp"
#include "engine/nvenc_settings.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;

constexpr std::array kCandidates{
    EncoderCandidate{EncoderKind::nvenc_cuda, "nvcudah264enc", "nvenc", "NV12"},
    EncoderCandidate{EncoderKind::nvenc, "nvh264enc", "nvenc", "NV12"},
    EncoderCandidate{EncoderKind::x264, "x264enc", "x264", nullptr},
    EncoderCandidate{EncoderKind::openh264, "openh264enc", "openh264", "I420"},
};

constexpr int kThreadsMax = 16;
constexpr int kSliceRowsMin = 64;
constexpr double kIdrSeconds = 0.1;

// Properties differ between releases of a plugin: one that is not there is left alone.
void set_argument(GstElement* element, const char* property, const std::string& value) {
  if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property) != nullptr)
    gst_util_set_object_arg(G_OBJECT(element), property, value.c_str());
}

int thread_count(const EncoderSettings& settings) {
  const int wanted = settings.threads > 0 ? settings.threads : data::core_budget().usable;
  const int by_height = std::max(1, settings.size.height_px / kSliceRowsMin);
  return std::clamp(wanted, 1, std::min(kThreadsMax, by_height));
}

double megapixels(data::CanvasSize size) {
  return static_cast<double>(size.width_px) * size.height_px / 1e6;
}

// From measured core milliseconds a megapixel (ultrafast 10, superfast 20, veryfast 26 on two slow cores; 17, 27, 34 on sixteen
// fast ones, where slices no longer scale), with 40 % of the time left to everybody else. At 1080p60: 16 threads veryfast
// (measured 4.4 ms), 8 superfast, 4 ultrafast (superfast takes 6.1 ms on fast cores, 13 on slow ones).
const char* speed_preset(const EncoderSettings& settings) {
  constexpr double kVeryfast = 60;
  constexpr double kSuperfast = 36;
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

std::string why_missing(const EncoderCandidate& candidate) {
  if (!is_nvenc(candidate.kind)) return "not installed, or its library did not load";
  GstPlugin* plugin = gst_registry_find_plugin(gst_registry_get(), "nvcodec");
  if (plugin == nullptr) return "not installed (the plugin nvcodec of gstreamer1.0-plugins-bad)";
  gst_object_unref(plugin);
  return "not there: GStreamer offers it only where the NVIDIA driver opens an NVENC session, "
         "which needs a driver with "
         "libnvidia-encode and a GPU with NVENC (A100, H100 and H200 have none)";
}

}  // namespace

bool is_nvenc(EncoderKind kind) {
  return kind == EncoderKind::nvenc_cuda || kind == EncoderKind::nvenc;
}

Ref<GstCaps> encoder_output_caps(EncoderKind kind) {
  // WebRTC takes no profile above Main, and every decoder takes this one. NVENC calls what it writes baseline where it leaves
  // out a flag, though it never uses what constrained baseline lacks.
  return Ref<GstCaps>::adopt(gst_caps_from_string(
      is_nvenc(kind) ? "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, "
                       "profile=(string){ constrained-baseline, baseline }"
                     : "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, "
                       "profile=(string)constrained-baseline"));
}

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
  if (made == nullptr) return fail(ErrorCode::not_found, why_missing(candidate));
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
      apply_nvenc_settings(made, settings);
      break;
  }
  set_encoder_bitrate(made, candidate.kind, settings.bitrate_bps);
  return encoder;
}

void set_encoder_bitrate(GstElement* encoder, EncoderKind kind, std::int64_t bitrate_bps) {
  constexpr std::int64_t kKbitMax = 2'048'000;
  std::int64_t value = std::clamp<std::int64_t>(bitrate_bps / 1000, 1, kKbitMax);
  if (kind == EncoderKind::openh264)
    value = std::clamp<std::int64_t>(bitrate_bps, 1000, G_MAXINT32);
  if (is_nvenc(kind)) value = nvenc_kbit(bitrate_bps);
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
  if (!report.empty()) report.pop_back();  // the line feed
  return fail(ErrorCode::unsupported, "no H.264 encoder opens:\n" + report);
}

}  // namespace napari::engine
