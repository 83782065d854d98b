// Stands between the queue and the encoder slot: chooses the encoder when the caps are known, hands it one frame after the
// other with the budget of its kind (moving, settling, IDR), grants a credit when it is ready for the next, and swaps it when
// it dies or stalls, so that upstream never sees it happen, and has upstream renegotiate where the successor takes other memory.
// Threads: [stream] of the queue unless tagged.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "nvencsink/encoder_keeper.hpp"
#include "nvencsink/idr_guard.hpp"
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
  void connect(const Parts& parts);

  // [any] An element of the slot posted an error. Wakes a still source, so that the swap happens now. What elements of an earlier
  // generation say is not held against their successor; 0 is always heard.
  void report_death(int generation, const std::string& reason);
  // [stream] of the encoder's own thread. Unlike `report_death` asks for nothing: a picture is being waited for.
  void report_failure(int generation, const std::string& reason);
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
  [[nodiscard]] bool needs_encoder() const;
  [[nodiscard]] bool wait_for_memory(GstPad* sink_pad);
  [[nodiscard]] GstFlowReturn drop_picture(GstPad* sink_pad);
  void note_death(int generation, const std::string& reason);
  [[nodiscard]] std::optional<std::string> close_books();
  void bury_encoder(const std::string& fallback_reason);
  void give_up(const gstx::Error& error);
  struct Pads {
    GstPad* sink;
    GstPad* source;
  };
  [[nodiscard]] GstFlowReturn encode(const Pads& pads, const gstx::Ref<GstBuffer>& picture);
  [[nodiscard]] GstFlowReturn await_unit();
  [[nodiscard]] bool interrupted() const;
  [[nodiscard]] GstFlowReturn push_guarded(GstPad* source_pad, gstx::Ref<GstBuffer> picture);
  void prepare(GstBuffer* buffer);
  void follow_settling(const data::FrameInfo& info);
  void spend(std::int64_t bitrate_bps);
  void grant_credit(GstPad* sink_pad) const;

  Parts parts_;
  IdrGuard guard_;
  EncoderKeeper keeper_;
  MemoryWait wait_;
  EncoderKeeper::Input input_;
  gstx::Ref<GstCaps> caps_;
  struct Death {
    std::optional<std::string> reason;
    int generation{0};      // of whom; 0: not known
    int generation_min{0};  // whose word counts
  };
  gstx::Guarded<Death> death_;         // [any]
  std::atomic<bool> busy_{false};      // [any] a frame is being encoded
  std::atomic<bool> flushing_{false};  // [any]
  std::int64_t spending_bps_{0};
  std::optional<std::uint64_t> settled_frame_;  // the picture that is settling or has settled
  std::optional<std::uint64_t> repeated_frame_;
  bool gave_up_{false};
};

}  // namespace napari::elements
