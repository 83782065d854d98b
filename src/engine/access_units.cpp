#include "engine/access_units.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <gst/video/video.h>

#include "engine/frame_meta.hpp"
#include "gstx/gst_mapped.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using gstx::fail;

std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What is sent: no delimiters, and the parameter sets in front of an IDR that came without.
std::vector<NalUnit> arrange(std::vector<NalUnit> nals, bool keyframe, const ParameterSets& sets) {
  std::erase_if(nals, [](NalUnit nal) { return nal_type(nal) == kNalDelimiter; });
  if (!keyframe || find_parameter_sets(nals)) return nals;
  std::erase_if(nals,
                [](NalUnit nal) { return nal_type(nal) == kNalSps || nal_type(nal) == kNalPps; });
  nals.insert(nals.begin(), {NalUnit(sets.sps), NalUnit(sets.pps)});
  return nals;
}

}  // namespace

gstx::Result<AccessUnits::Format> AccessUnits::read_format(GstSample* sample) {
  GstCaps* caps = gst_sample_get_caps(sample);
  if (caps == nullptr) return fail(ErrorCode::invalid_argument, "an access unit without caps");
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  Format format;
  int numerator = 0;
  int denominator = 1;
  if (!gst_structure_has_name(structure, "video/x-h264") ||
      !gst_structure_get_int(structure, "width", &format.size.width_px) ||
      !gst_structure_get_int(structure, "height", &format.size.height_px))
    return fail(ErrorCode::unsupported, "an access unit that is not H.264 of a known size");
  if (gst_structure_get_fraction(structure, "framerate", &numerator, &denominator) &&
      numerator > 0 && denominator > 0)
    format.fps = static_cast<double>(numerator) / denominator;
  return format;
}

gstx::Result<std::optional<data::StreamConfig>> AccessUnits::note_parameter_sets(
    std::span<const NalUnit> nals, const Format& format) {
  auto found = find_parameter_sets(nals);
  if (!found && config_id_ == 0)
    return fail(ErrorCode::unavailable, "no parameter sets have come yet");
  if (found && config_id_ != 0 && *found == sets_ && format == format_) return std::nullopt;
  if (!found) return std::nullopt;
  data::StreamConfig config{.size = format.size, .fps = format.fps, .config_id = config_id_ + 1};
  GSTX_ASSIGN_OR_RETURN(config.avcc_record, make_avcc_record(*found));
  GSTX_ASSIGN_OR_RETURN(config.codec_string, codec_string(found->sps));
  sets_ = std::move(*found);
  format_ = format;
  ++config_id_;
  return config;
}

gstx::Result<AccessUnits::Unit> AccessUnits::take(GstSample* sample) {
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  if (buffer == nullptr) return fail(ErrorCode::invalid_argument, "a sample without a buffer");
  GSTX_ASSIGN_OR_RETURN(const Format format, read_format(sample));
  const gstx::MappedBuffer mapped(buffer, GST_MAP_READ);
  if (!mapped) return fail(ErrorCode::internal, "an access unit that cannot be mapped");
  std::vector<NalUnit> nals = split_annexb(mapped.bytes());
  if (nals.empty()) return fail(ErrorCode::invalid_argument, "an access unit without NAL units");

  Unit unit;
  GSTX_ASSIGN_OR_RETURN(unit.config, note_parameter_sets(nals, format));
  auto frame = std::make_shared<data::EncodedFrame>();
  frame->size = format.size;
  frame->keyframe = contains_idr(nals);
  frame->config_id = config_id_;
  frame->avcc = join_avcc(arrange(std::move(nals), frame->keyframe, sets_));
  if (const data::FrameInfo* info = find_frame_info(buffer); info != nullptr) frame->info = *info;
  frame->encoded_ns = monotonic_ns();
  unit.frame = std::move(frame);
  return unit;
}

}  // namespace napari::engine
