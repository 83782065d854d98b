// Stands between the queue and the encoder slot: chooses the encoder when the caps are known, hands it one frame after the
// other with the budget of its kind (moving, settling, IDR), grants a credit when it is ready for the next, and swaps it when
// it dies or stalls, so that upstream never sees it happen, and has upstream renegotiate where the successor takes other memory.
// Threads: [stream] of the queue unless tagged.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nvencsink/encoder_slot.hpp"
#include "nvencsink/idr_control.hpp"
#include "nvencsink/idr_guard.hpp"
#include "nvencsink/input_offer.hpp"
#include "nvencsink/memory_wait.hpp"
#include "nvencsink/pad_pair.hpp"
#include "nvencsink/sink_settings.hpp"

namespace napari::elements {

class FlowBarrier final : public PadPairHandler {
 public:
  struct Parts {
    GstBin* bin{nullptr};  // borrowed, as everything here
    SinkShared* shared{nullptr};
    IdrControl* idr{nullptr};
    EncoderSlot* slot{nullptr};
  };
  void connect(const Parts& parts) { parts_ = parts; }

  // [any] An element of the slot posted an error. Wakes a still source, so that the swap happens now.
  void report_death(const std::string& reason);
  // [stream] of the encoder's own thread. Unlike `report_death` asks for nothing: a picture is being waited for.
  void report_failure(const std::string& reason);
  // [state change] With nothing flowing.
  void reset();
  // [state change] Returns once no encoder that hangs can hold up what follows.
  void let_go();

  GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) override;
  bool sink_event(GstPad* pad, GstObject* element, GstEvent* event) override;
  bool sink_query(GstPad* pad, GstObject* element, GstQuery* query) override;

 private:
  [[nodiscard]] bool on_caps(GstPad* pad, GstObject* element, GstEvent* event);
  [[nodiscard]] gstx::Result<void> read_caps(GstCaps* caps);
  enum class Filled { ready, other_memory, gave_up };
  [[nodiscard]] bool install(GstPad* pad, GstObject* element);
  [[nodiscard]] Filled fill_slot();
  [[nodiscard]] gstx::Result<Filled> choose_and_fill();
  [[nodiscard]] bool needs_encoder() const;
  [[nodiscard]] bool wait_for_memory(GstPad* sink_pad);
  [[nodiscard]] GstFlowReturn drop_picture(GstPad* sink_pad);
  void bury_encoder(const std::string& fallback_reason);
  void give_up(const gstx::Error& error);
  struct Pads {
    GstPad* sink;
    GstPad* source;
  };
  [[nodiscard]] GstFlowReturn encode(const Pads& pads, const gstx::Ref<GstBuffer>& picture);
  [[nodiscard]] GstFlowReturn await_unit();
  [[nodiscard]] bool interrupted() const;
  void forget_dead(std::vector<engine::EncoderCandidate>& candidates) const;
  [[nodiscard]] GstFlowReturn push_guarded(GstPad* source_pad, gstx::Ref<GstBuffer> picture);
  void prepare(GstBuffer* buffer);
  void follow_settling(const data::FrameInfo& info);
  void spend(std::int64_t bitrate_bps);
  void grant_credit(GstPad* sink_pad) const;

  Parts parts_;
  IdrGuard guard_;
  InputOffer offer_;
  MemoryWait wait_;
  engine::EncoderSettings encoder_settings_;
  std::string format_;
  std::string memory_;  // the caps feature of what comes; empty: system memory
  gstx::Ref<GstCaps> caps_;
  std::set<std::string> dead_factories_;
  gstx::Guarded<std::optional<std::string>> death_;  // [any]
  std::atomic<bool> busy_{false};                    // [any] a frame is being encoded
  std::atomic<bool> flushing_{false};                // [any]
  std::string funerals_;                             // what died since the start, for the report
  bool mourning_{false};                             // one of them has not been warned of
  const char* factory_{nullptr};
  std::int64_t spending_bps_{0};
  std::optional<std::uint64_t> settled_frame_;  // the picture that is settling or has settled
  std::optional<std::uint64_t> repeated_frame_;
  bool gave_up_{false};
};

}  // namespace napari::elements
