// Turns a sink's samples (H.264 byte stream, one access unit each) into encoded frames, and notices when the decoder needs
// a new configuration. Not a parser of slices. Threads: [stream], one caller. Owns the last parameter sets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <gst/gst.h>

#include "data/encoded_frame.hpp"
#include "engine/bitstream.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

class AccessUnits {
 public:
  struct Unit {
    data::EncodedFramePtr frame;
    std::optional<data::StreamConfig> config;  // set when it is new: to be told before the frame
  };

  // `unavailable` while no parameter sets have come: the unit cannot be decoded and is dropped. Any other error is a
  // sample that is no H.264.
  [[nodiscard]] gstx::Result<Unit> take(GstSample* sample);

 private:
  struct Format {
    data::CanvasSize size;
    double fps{60};
    bool operator==(const Format&) const = default;
  };
  [[nodiscard]] static gstx::Result<Format> read_format(GstSample* sample);
  [[nodiscard]] gstx::Result<std::optional<data::StreamConfig>> note_parameter_sets(
      std::span<const NalUnit> nals, const Format& format);

  ParameterSets sets_;
  Format format_;
  std::uint32_t config_id_{0};
};

}  // namespace napari::engine
