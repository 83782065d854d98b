// What the sink pad takes: until an encoder is chosen everything that the candidates take together, in device and in system
// memory; afterwards what the chosen one takes. Upstream asks again when it is told to reconfigure.
// Threads: [any], one lock inside.
#pragma once

#include <string>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/thread.hpp"

namespace napari::elements {

// Everything that the pad may take on any machine.
[[nodiscard]] GstStaticCaps* input_template();

class InputOffer {
 public:
  InputOffer();

  void open(const std::string& choice);                    // what `encoder=` says
  void narrow(const engine::EncoderCandidate& candidate);  // it has been chosen
  [[nodiscard]] gstx::Ref<GstCaps> caps() const { return caps_.copy(); }

 private:
  gstx::Guarded<gstx::Ref<GstCaps>> caps_;
};

}  // namespace napari::elements
