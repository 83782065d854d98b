// The place in the bin where the encoder sits: [queue] [converter] encoder capsfilter between two elements that stay. An encoder
// on a GPU has a queue and a lookout in front: a thread of its own, so that one that hangs takes nobody with it, and a word when it
// returns an error there. Empty, the two neighbours are linked
// directly, so that EOS before the first caps passes; cut off, they are not, and `after` waits for the next encoder.
// Does not choose. Threads: [stream] of the queue, or the state-change thread when nothing flows.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/result.hpp"

namespace napari::elements {

class EncoderSlot {
 public:
  struct Parts {
    GstBin* bin{nullptr};         // borrowed, as everything here
    GstElement* before{nullptr};  // children of `bin`
    GstElement* after{nullptr};
    // [stream] of the slot's own thread, with the generation of the encoder that failed
    std::function<void(int, const std::string&)> on_failure;
  };
  explicit EncoderSlot(Parts parts) : parts_(std::move(parts)) {}
  EncoderSlot(const EncoderSlot&) = delete;
  EncoderSlot& operator=(const EncoderSlot&) = delete;

  // Replaces what is there. `format` is what upstream sends ("NV12").
  [[nodiscard]] gstx::Result<void> fill(const engine::EncoderCandidate& candidate,
                                        const engine::EncoderSettings& settings,
                                        const std::string& format);
  void clear();    // links `before` to `after`
  void cut_off();  // empty, and the neighbours unlinked

  [[nodiscard]] const gstx::Ref<GstElement>& encoder() const { return encoder_; }
  [[nodiscard]] engine::EncoderKind kind() const { return kind_; }
  // Whether a push returns before the picture is encoded.
  [[nodiscard]] bool is_threaded() const { return encoder_ && engine::is_nvenc(kind_); }
  // Grows with every encoder: what an element of an earlier one says is of no interest any more.
  [[nodiscard]] int generation() const { return generation_; }
  // [any] Of an element that is or was in the slot; 0: of another.
  [[nodiscard]] static int generation_of(GstObject* element);
  [[nodiscard]] GstElement* after() const { return parts_.after; }

 private:
  void remove_elements();

  const Parts parts_;
  std::vector<gstx::Ref<GstElement>> elements_;
  gstx::Ref<GstElement> encoder_;
  int generation_{0};
  engine::EncoderKind kind_{engine::EncoderKind::x264};
};

}  // namespace napari::elements
