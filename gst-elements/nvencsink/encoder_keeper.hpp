// Which encoder is in the slot, which have died, and what the sink pad takes because of it: puts the first that opens into the slot
// and warns once of what it replaces. Does not decide that one has died, nor what to do when none is left.
// Threads: [stream] of the queue unless tagged.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "nvencsink/encoder_slot.hpp"
#include "nvencsink/idr_control.hpp"
#include "nvencsink/input_offer.hpp"
#include "nvencsink/sink_settings.hpp"

namespace napari::elements {

class EncoderKeeper {
 public:
  struct Parts {
    GstElement* bin{nullptr};  // borrowed, as everything here
    SinkShared* shared{nullptr};
    IdrControl* idr{nullptr};
    EncoderSlot* slot{nullptr};
  };
  void connect(const Parts& parts) { parts_ = parts; }
  void reset();  // [state change] with nothing flowing

  struct Input {
    engine::EncoderSettings settings;
    std::string format;  // "NV12"
    std::string memory;  // the caps feature; empty: system memory
  };
  // `other_memory`: the one chosen does not take `input.memory`, and the slot is as it was.
  enum class Outcome { ready, other_memory };
  // Fills in what the properties say of the budget. The error has the whole history.
  [[nodiscard]] gstx::Result<Outcome> fill(Input& input);

  void bury(const std::string& reason);  // the one in the slot has died
  void retire() { factory_ = nullptr; }  // it has not, but the caps are new
  [[nodiscard]] bool alive() const { return factory_ != nullptr; }
  // What has died since the start, a line each.
  [[nodiscard]] const std::string& history() const { return history_; }
  [[nodiscard]] gstx::Ref<GstCaps> offer() const { return offer_.caps(); }  // [any]

 private:
  [[nodiscard]] gstx::Result<Outcome> choose(const Input& input, const std::string& wanted);
  void count_out(const char* factory, const std::string& line);
  void warn_of_swap();

  Parts parts_;
  InputOffer offer_;
  std::set<std::string> dead_factories_;
  std::string history_;
  bool mourning_{false};  // one of them has not been warned of
  const char* factory_{nullptr};
};

}  // namespace napari::elements
