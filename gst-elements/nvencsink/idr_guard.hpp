// Bounds the size of an IDR for an encoder that has no buffer model: openh264enc never goes past a certain quantiser, so an
// IDR of a grainy picture can cost ten frames. Once one was too large, the pictures of later IDRs are softened first; the
// frame that follows brings the detail back. Threads: [stream] of the queue.
#pragma once

#include <cstddef>
#include <cstdint>

#include <gst/video/video.h>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {

class IdrGuard {
 public:
  void set_format(const GstVideoInfo& info) { info_ = info; }
  void reset() { overshoots_ = false; }

  // Whether the next IDR has to be softened.
  [[nodiscard]] bool overshoots() const { return overshoots_; }
  // What an IDR cost while the picture moved. One that is large speaks for all that follow: a softened one does not say what
  // it would have cost as it was.
  void learn(std::size_t bytes, std::int64_t bitrate_bps);
  // The same picture with the luma averaged over 4 x 4 blocks; empty where it cannot be mapped.
  [[nodiscard]] gstx::Ref<GstBuffer> soften(GstBuffer* picture) const;

 private:
  GstVideoInfo info_{};
  bool overshoots_{false};
};

}  // namespace napari::elements
