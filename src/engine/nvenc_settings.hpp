// Low latency on NVIDIA's H.264 encoders, whatever release of GStreamer they come from: what is wanted, the names it has had
// (nvcudah264enc of 1.22 says b-frames, nvh264enc says bframes) and the values it may have, best first. A property that is not
// there, or that knows none of the values, is left alone: nothing warns. Threads: any, as the element's properties.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gst/gst.h>

#include "data/types.hpp"

namespace napari::engine {

struct EncoderSettings;

struct NvencWish {
  std::vector<std::string_view> properties;  // every one that is there is set
  std::vector<std::string> values;           // enumerations: the first nick that is known
};

// Pure.
[[nodiscard]] std::vector<NvencWish> nvenc_wishes(const EncoderSettings& settings);

struct NvencOutcome {
  std::string property;
  std::string value;  // as set; empty: left alone, for `reason`
  std::string reason;
};

// What became of each wish, for the log and the tests.
std::vector<NvencOutcome> apply_nvenc_settings(GstElement* encoder,
                                               const EncoderSettings& settings);

// NVENC's property `bitrate` counts 1024 bits.
[[nodiscard]] std::int64_t nvenc_kbit(std::int64_t bitrate_bps);

}  // namespace napari::engine
