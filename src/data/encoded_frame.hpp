// One access unit of a tier's video stream, shared by all who watch it. Immutable. Threads: any (value).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/types.hpp"

namespace napari::data {

// the numbers of the wire header
enum class VideoCodec : std::uint8_t { h264 = 1, hevc = 2, av1 = 3 };

// What was known about a picture when it was drawn; travels with the buffers as GstMeta.
struct FrameInfo {
  // counts drawn pictures of the scene; the same for a picture handed out again
  std::uint64_t frame_id{0};
  std::uint64_t scene_version{0};  // every intent up to it is in the picture
  std::int64_t render_start_ns{0};
  std::int64_t render_end_ns{0};
  int settle_index{0};  // 0 while moving; 1.. for the frames that settle a still picture
  bool settle_last{false};
};

struct EncodedFrame {
  VideoCodec codec{VideoCodec::h264};
  CanvasSize size;
  bool keyframe{false};
  std::uint32_t config_id{0};  // grows when the parameter sets change
  // NAL units, each behind a 4-byte big-endian length; SPS and PPS before every IDR
  std::vector<std::uint8_t> avcc;
  FrameInfo info;
  std::int64_t encoded_ns{0};  // CLOCK_MONOTONIC, when it left the encoder
};
using EncodedFramePtr = std::shared_ptr<const EncodedFrame>;

// Decoder configuration of a stream; `config_id` as in the frames.
struct StreamConfig {
  VideoCodec codec{VideoCodec::h264};
  CanvasSize size;
  double fps{60};
  std::uint32_t config_id{0};
  std::vector<std::uint8_t> avcc_record;  // AVCDecoderConfigurationRecord (wire_protocol.md 4.5)
  std::string codec_string;               // "avc1.42c02a", for WebCodecs
  bool operator==(const StreamConfig&) const = default;
};

}  // namespace napari::data
