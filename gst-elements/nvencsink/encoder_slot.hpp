// The place in the bin where the encoder sits: [converter] encoder capsfilter between two elements that stay. Empty, the two
// are linked directly, so that EOS before the first caps passes. Does not choose. Threads: [stream] of the queue, or the
// state-change thread when nothing flows.
#pragma once

#include <string>
#include <vector>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/result.hpp"

namespace napari::elements {

class EncoderSlot {
 public:
  // All borrowed; `before` and `after` are children of `bin`.
  EncoderSlot(GstBin* bin, GstElement* before, GstElement* after)
      : bin_(bin), before_(before), after_(after) {}
  EncoderSlot(const EncoderSlot&) = delete;
  EncoderSlot& operator=(const EncoderSlot&) = delete;

  // Replaces what is there. `format` is what upstream sends ("NV12").
  [[nodiscard]] gstx::Result<void> fill(const engine::EncoderCandidate& candidate,
                                        const engine::EncoderSettings& settings,
                                        const std::string& format);
  void clear();  // links `before` to `after`

  [[nodiscard]] const gstx::Ref<GstElement>& encoder() const { return encoder_; }
  [[nodiscard]] engine::EncoderKind kind() const { return kind_; }

 private:
  void remove_elements();

  GstBin* const bin_;
  GstElement* const before_;
  GstElement* const after_;
  std::vector<gstx::Ref<GstElement>> elements_;
  gstx::Ref<GstElement> encoder_;
  engine::EncoderKind kind_{engine::EncoderKind::x264};
};

}  // namespace napari::elements
