#include "engine/encoder_probe.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>

#include "engine/encoder_memory.hpp"
#include "engine/retired_elements.hpp"
#include "gstx/thread.hpp"
#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;
using gstx::Ref;
using gstx::Result;
using Clock = std::chrono::steady_clock;

constexpr GstClockTime kProbeTimeout = 10 * GST_SECOND;
constexpr std::chrono::seconds kFailureKept{30};
constexpr std::chrono::seconds kDownPatience{5};

// What an element, or nobody in particular (a loader), logs as an error while the tap is there. Stock NVENC elements have no
// other way of saying why a session does not open. Only one at a time: see the probe's lock. The log functions are called past GStreamer's
// macros of their names, which compare a function with an object pointer: clang refuses that.
class ErrorTap {
 public:
  ErrorTap() {
    // A level that was not asked for is not to be printed either.
    silenced_ = std::getenv("GST_DEBUG") == nullptr &&
                gst_debug_get_default_threshold() < GST_LEVEL_ERROR &&
                (gst_debug_remove_log_function)(gst_debug_log_default) > 0;
    const GstLogFunction on_line = [](GstDebugCategory* category, GstDebugLevel level, const gchar*,
                                      const gchar*, gint, GObject*, GstDebugMessage* message,
                                      gpointer self) noexcept {
      if (level == GST_LEVEL_ERROR) static_cast<ErrorTap*>(self)->note(category, message);
    };
    (gst_debug_add_log_function)(on_line, this, nullptr);
    for (const char* name : kCategories) raise(name);
  }
  ~ErrorTap() {
    for (const auto& [category, level] : raised_) gst_debug_category_set_threshold(category, level);
    gst_debug_remove_log_function_by_data(this);
    if (silenced_) (gst_debug_add_log_function)(gst_debug_log_default, nullptr, nullptr);
  }
  ErrorTap(const ErrorTap&) = delete;
  ErrorTap& operator=(const ErrorTap&) = delete;

  [[nodiscard]] std::string text() const { return lines_.copy(); }

 private:
  static constexpr std::array kCategories{"nvenc", "nvencoder", "nvh264encoder", "nvh264enc"};
  static constexpr std::size_t kTextMax = 600;

  void raise(const char* name) {
    GstDebugCategory* category = _gst_debug_get_category(name);
    if (category == nullptr) return;
    const GstDebugLevel level = gst_debug_category_get_threshold(category);
    if (level >= GST_LEVEL_ERROR) return;
    raised_.emplace_back(category, level);
    gst_debug_category_set_threshold(category, GST_LEVEL_ERROR);
  }

  void note(GstDebugCategory* category, GstDebugMessage* message) {
    const std::string_view name = gst_debug_category_get_name(category);
    if (std::find(kCategories.begin(), kCategories.end(), name) == kCategories.end()) return;
    const char* text = gst_debug_message_get(message);
    lines_.with([&](std::string& lines) {
      if (text == nullptr || lines.size() > kTextMax) return;
      lines += (lines.empty() ? "" : "; ") + std::string(text);
    });
  }

  bool silenced_{false};
  std::vector<std::pair<GstDebugCategory*, GstDebugLevel>> raised_;
  gstx::Guarded<std::string> lines_;
};

Ref<GstCaps> make_probe_caps(const EncoderCandidate& candidate, const EncoderSettings& settings,
                             const std::optional<DeviceMemory>& memory) {
  auto caps = Ref<GstCaps>::adopt(gst_caps_new_simple(
      "video/x-raw", "format", G_TYPE_STRING,
      candidate.input_format != nullptr ? candidate.input_format : "NV12", "width", G_TYPE_INT,
      settings.size.width_px, "height", G_TYPE_INT, settings.size.height_px, "framerate",
      GST_TYPE_FRACTION, settings.fps_numerator, settings.fps_denominator, "interlace-mode",
      G_TYPE_STRING, "progressive", nullptr));
  if (memory)
    gst_caps_set_features(caps.get(), 0, gst_caps_features_new(memory->feature.c_str(), nullptr));
  return caps;
}

Ref<GstBuffer> make_system_picture(GstCaps* caps) {
  GstVideoInfo info;
  if (gst_video_info_from_caps(&info, caps) == FALSE) return nullptr;
  auto buffer = Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  if (buffer) gst_buffer_memset(buffer.get(), 0, 128, info.size);
  return buffer;
}

Ref<GstBuffer> make_grey_picture(GstCaps* caps, const std::optional<DeviceMemory>& memory,
                                 const EncoderSettings& settings) {
  auto buffer = memory ? memory->make_picture(caps) : make_system_picture(caps);
  if (!buffer) return nullptr;
  GST_BUFFER_PTS(buffer.get()) = 0;
  GST_BUFFER_DURATION(buffer.get()) =
      gst_util_uint64_scale(GST_SECOND, static_cast<guint64>(settings.fps_denominator),
                            static_cast<guint64>(settings.fps_numerator));
  return buffer;
}

std::string take_bus_error(GstElement* pipeline) {
  const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline));
  const auto message = Ref<GstMessage>::adopt(gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR));
  if (!message) return {};
  GError* error = nullptr;
  gst_message_parse_error(message.get(), &error, nullptr);
  const gstx::UniqueError owned(error);
  // The source's own error says only what flow it got.
  const GstStructure* details = nullptr;
  gst_message_parse_error_details(message.get(), &details);
  gint flow = GST_FLOW_OK;
  if (details != nullptr && gst_structure_get_int(details, "flow-return", &flow) != FALSE)
    return fmt::format("returned {} for a picture",
                       gst_flow_get_name(static_cast<GstFlowReturn>(flow)));
  return error->message;
}

std::string reason_of(GstElement* pipeline, const ErrorTap& tap) {
  const std::string logged = tap.text();
  const std::string posted = take_bus_error(pipeline);
  if (!logged.empty()) return explain_nvenc_error(logged);
  if (!posted.empty()) return explain_nvenc_error(posted);
  return fmt::format("gave no access unit for a picture within {} s", kProbeTimeout / GST_SECOND);
}

struct ProbeLine {
  Ref<GstElement> pipeline;
  GstElement* source{nullptr};  // the pipeline's, as the sink
  GstElement* sink{nullptr};
  bool linked{false};
};

// source ! encoder ! output caps ! sink: what the encoder slot builds, since an encoder that refuses the profile is no use.
Result<ProbeLine> make_line(const EncoderCandidate& candidate, const Ref<GstElement>& encoder,
                            GstCaps* caps) {
  ProbeLine line{.pipeline = Ref<GstElement>::sink(gst_pipeline_new(nullptr))};
  line.source = gst_element_factory_make("appsrc", nullptr);
  line.sink = gst_element_factory_make("appsink", nullptr);
  GstElement* const element = encoder.get();
  if (line.source == nullptr || line.sink == nullptr) {
    gst_clear_object(&line.source);
    gst_clear_object(&line.sink);
    return fail(ErrorCode::not_found, "appsrc or appsink is missing (gstreamer1.0-plugins-base)");
  }
  g_object_set(line.source, "caps", caps, "format", GST_FORMAT_TIME, nullptr);
  const auto output = encoder_output_caps(candidate.kind);
  g_object_set(line.sink, "sync", FALSE, "caps", output.get(), nullptr);
  gst_bin_add_many(GST_BIN(line.pipeline.get()), line.source, element, line.sink, nullptr);
  line.linked = gst_element_link_many(line.source, element, line.sink, nullptr) != FALSE;
  return line;
}

Result<void> encode_one(const EncoderCandidate& candidate, const EncoderSettings& settings) {
  GSTX_ASSIGN_OR_RETURN(const Ref<GstElement> encoder, make_encoder(candidate, settings));
  const auto memory = probe_memory(candidate);
  const Ref<GstCaps> caps = make_probe_caps(candidate, settings, memory);
  if (!takes_caps(candidate, caps.get()))
    return fail(ErrorCode::unsupported,
                fmt::format("does not take pictures of {} x {}", settings.size.width_px,
                            settings.size.height_px));
  const Ref<GstBuffer> picture = make_grey_picture(caps.get(), memory, settings);
  if (!picture)
    return fail(ErrorCode::unavailable,
                fmt::format("cannot allocate a picture of {} x {} in {}", settings.size.width_px,
                            settings.size.height_px, memory ? memory->feature : "system memory"));
  GSTX_ASSIGN_OR_RETURN(const ProbeLine line, make_line(candidate, encoder, caps.get()));
  if (!line.linked)
    return fail(ErrorCode::unsupported, "does not link: it gives no constrained baseline");
  const ErrorTap tap;
  Result<void> result{};
  gst_element_set_state(line.pipeline.get(), GST_STATE_PLAYING);
  gst_app_src_push_buffer(GST_APP_SRC(line.source), Ref<GstBuffer>(picture).release());
  // openh264enc never holds a picture back, and its library complains on stderr when it is drained.
  if (candidate.kind != EncoderKind::openh264) gst_app_src_end_of_stream(GST_APP_SRC(line.source));
  const auto sample =
      Ref<GstSample>::adopt(gst_app_sink_try_pull_sample(GST_APP_SINK(line.sink), kProbeTimeout));
  if (!sample) result = fail(ErrorCode::unsupported, reason_of(line.pipeline.get(), tap));
  if (is_nvenc(candidate.kind)) {
    retire_elements({line.pipeline}, kDownPatience);
  } else {
    gst_element_set_state(line.pipeline.get(), GST_STATE_NULL);
  }
  return result;
}

struct KnownResult {
  Result<void> result;
  Clock::time_point at;
};
using ProbeKey = std::tuple<std::string, int, int>;
gstx::Guarded<std::map<ProbeKey, KnownResult>>& known_results() {
  static gstx::Guarded<std::map<ProbeKey, KnownResult>> results;
  return results;
}

std::optional<Result<void>> recall(const ProbeKey& key) {
  return known_results().with([&](const auto& results) -> std::optional<Result<void>> {
    const auto found = results.find(key);
    if (found == results.end()) return std::nullopt;
    const KnownResult& known = found->second;
    if (!known.result && Clock::now() - known.at > kFailureKept) return std::nullopt;
    return known.result;
  });
}

}  // namespace

Result<void> probe_encoder(const EncoderCandidate& candidate, const EncoderSettings& settings) {
  static std::mutex one_at_a_time;
  const ProbeKey key{candidate.factory, settings.size.width_px, settings.size.height_px};
  if (const auto known = recall(key)) return *known;
  const std::lock_guard lock(one_at_a_time);
  if (const auto known = recall(key)) return *known;
  Result<void> result = encode_one(candidate, settings);
  known_results().with([&](auto& results) {
    results.insert_or_assign(key, KnownResult{.result = result, .at = Clock::now()});
  });
  return result;
}

void forget_probe_results() {
  known_results().with([](auto& results) { results.clear(); });
}

std::string explain_nvenc_error(std::string_view text) {
  struct Meaning {
    std::string_view code;
    std::string_view meaning;
  };
  static constexpr std::array<Meaning, 6> kMeanings{{
      {"NV_ENC_ERR_NO_ENCODE_DEVICE", "this GPU has no NVENC"},
      {"NV_ENC_ERR_UNSUPPORTED_DEVICE", "this GPU has no NVENC, as A100, H100 and H200 have none"},
      {"NV_ENC_ERR_OUT_OF_MEMORY",
       "GPU memory is short, or the driver's limit of sessions is reached: other programs encode"},
      {"NV_ENC_ERR_INVALID_VERSION", "the driver is older than this GStreamer needs"},
      {"NV_ENC_ERR_UNSUPPORTED_PARAM", "this GPU's NVENC lacks something that was asked for"},
      {"NV_ENC_ERR_INCOMPATIBLE_CLIENT_KEY", "the driver's limit of sessions is reached"},
  }};
  for (const Meaning& entry : kMeanings) {
    if (text.find(entry.code) != std::string_view::npos)
      return fmt::format("{} ({})", text, entry.meaning);
  }
  return std::string(text);
}

}  // namespace napari::engine
