// One consumer of the encoded stream: tee -> queue -> gate -> src_%u. The queue is bounded and drops what is old; the gate
// lets a consumer in at an IDR, resumes at one after a gap, and keeps its failures from the tee. It never returns an error.
// Threads: the gate on the queue's [stream]; attach and detach on the application's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "nvencsink/pad_pair.hpp"

namespace napari::elements {

class ConsumerGate final : public PadPairHandler {
 public:
  struct Parts {
    std::string name;  // "src_0"
    std::function<void()> request_idr;
    std::function<void(const std::string&)> warn;
  };
  explicit ConsumerGate(Parts parts) : parts_(std::move(parts)) {}

  void on_linked();                   // [application] a new consumer: from its first IDR on
  void restart(bool linked);          // [state change] a consumer that failed gets another chance
  void on_overrun();                  // [stream] of the encoder: the queue is full
  void retire() { retired_ = true; }  // [application] calls nobody any more

  GstFlowReturn chain(GstPad* source_pad, GstBuffer* buffer) override;
  bool source_event(GstPad* pad, GstObject* element, GstEvent* event) override;
  bool sink_query(GstPad* pad, GstObject* element, GstQuery* query) override;
  bool source_query(GstPad* pad, GstObject* element, GstQuery* query) override;

 private:
  [[nodiscard]] bool admit(GstBuffer* buffer);
  [[nodiscard]] GstFlowReturn push_when_awake(GstPad* source_pad, GstBuffer* buffer);
  void disable(const std::string& reason);
  void resync();

  const Parts parts_;
  std::atomic<bool> retired_{false};
  std::atomic<bool> disabled_{true};  // until linked
  std::atomic<bool> waiting_{true};   // for an IDR
  std::atomic<bool> blocked_{false};  // the warning has been given
};

class ConsumerBranch {
 public:
  // Builds the branch into `bin`, links it to `tee` and returns it with its ghost pad `gate.name` not yet added.
  [[nodiscard]] static std::shared_ptr<ConsumerBranch> attach(GstBin* bin, GstElement* tee,
                                                              GstPadTemplate* pad_template,
                                                              const ConsumerGate::Parts& gate);
  ConsumerBranch() = default;
  ConsumerBranch(const ConsumerBranch&) = delete;
  ConsumerBranch& operator=(const ConsumerBranch&) = delete;

  // Unlinks from the tee at once; the rest goes down when the consumer lets go of its last buffer.
  static void detach(GstBin* bin, const std::shared_ptr<ConsumerBranch>& branch);

  // [state change] Before anything flows: the first unit is an IDR, so none is asked for.
  void restart() { gate_->restart(gst_pad_is_linked(ghost_pad_.get()) != FALSE); }

  [[nodiscard]] GstPad* ghost_pad() const { return ghost_pad_.get(); }

 private:
  std::shared_ptr<ConsumerGate> gate_;
  gstx::Ref<GstElement> tee_;
  gstx::Ref<GstElement> queue_;
  gstx::Ref<GstElement> gate_element_;
  gstx::Ref<GstPad> tee_pad_;
  gstx::Ref<GstPad> ghost_pad_;
};

}  // namespace napari::elements
