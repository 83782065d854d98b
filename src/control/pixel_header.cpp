#include "control/pixel_header.hpp"

#include <bit>

namespace napari::control {

void PixelHeader::put(std::uint64_t value, int byte_count) {
  for (int shift = 8 * (byte_count - 1); shift >= 0; shift -= 8) {
    bytes_.at(size_++) = static_cast<std::uint8_t>(value >> shift);
  }
}

PixelHeader::PixelHeader(const data::EncodedFrame& frame, const PixelStamps& stamps,
                         Extension extension) {
  put(stamps.seq, 4);
  put(std::bit_cast<std::uint64_t>(stamps.epoch_s), 8);
  put(static_cast<std::uint64_t>(frame.size.width_px), 4);
  put(static_cast<std::uint64_t>(frame.size.height_px), 4);
  put(static_cast<std::uint64_t>(frame.codec), 1);
  put(frame.keyframe ? 1 : 0, 1);
  put(extension == Extension::own ? kPixelExtensionBytes : 0, 2);
  if (extension == Extension::none) return;
  put(frame.info.scene_version, 8);
  put(frame.info.frame_id, 8);
  put(static_cast<std::uint64_t>(frame.info.render_start_ns), 8);
  put(static_cast<std::uint64_t>(frame.info.render_end_ns), 8);
  put(static_cast<std::uint64_t>(frame.encoded_ns), 8);
  put(static_cast<std::uint64_t>(stamps.sent_ns), 8);
}

}  // namespace napari::control
