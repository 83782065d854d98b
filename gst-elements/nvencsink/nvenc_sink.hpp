// What naparinvencsink is: the parts of the bin and the wires between them.
//   sink -> queue(1) -> flow barrier -> [ encoder slot ] -> parameter rewriter -> h264parse -> output stage -> tee
//   tee -> queue -> fakesink (always there: makes EOS right);  tee -> queue -> gate -> src_%u (one a consumer)
// The GObject half is naparinvencsink.cpp. Threads: methods are [application] unless tagged.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "nvencsink/consumer_branch.hpp"
#include "nvencsink/flow_barrier.hpp"
#include "nvencsink/output_stage.hpp"
#include "nvencsink/parameter_rewriter.hpp"

namespace napari::elements {

class NvencSink {
 public:
  explicit NvencSink(GstBin* bin);  // builds the children
  NvencSink(const NvencSink&) = delete;
  NvencSink& operator=(const NvencSink&) = delete;

  [[nodiscard]] static NvencSink& of(GstElement* element);

  [[nodiscard]] SinkShared& shared() { return shared_; }
  [[nodiscard]] const SinkStats& stats() const { return stats_; }
  [[nodiscard]] IdrControl& idr() { return *idr_; }  // [any]

  [[nodiscard]] gstx::Result<void> check() const;  // every child is there
  void on_starting();                              // READY to PAUSED, before the children
  void on_stopping();                              // PAUSED to READY, before the children
  void on_stopped();                               // and after them

  // The pad is added to the bin; null where the name is taken.
  [[nodiscard]] GstPad* request_pad(GstPadTemplate* pad_template, const char* name);
  void release_pad(GstPad* pad);

  // [any] True where the message is an error of our own inside, which has become a swap.
  [[nodiscard]] bool absorb(GstMessage* message);

 private:
  [[nodiscard]] GstElement* add(const char* factory, const char* name);
  void link_chain();
  void emit_access_unit(GstSample* sample);  // [stream]

  GstBin* const bin_;
  SinkShared shared_;
  SinkStats stats_;
  std::string missing_;  // the first element that is not installed
  GstElement* queue_;    // the bin's, as are the others
  GstElement* parse_;
  gstx::Ref<GstElement> tee_;  // outlives the consumers' tee pads
  std::shared_ptr<FlowBarrier> barrier_;
  std::shared_ptr<ParameterRewriter> rewriter_;
  std::shared_ptr<OutputStage> stage_;
  std::unique_ptr<IdrControl> idr_;
  std::unique_ptr<EncoderSlot> slot_;
  std::mutex pads_mutex_;
  std::map<std::string, std::shared_ptr<ConsumerBranch>> branches_;
  unsigned next_index_{0};
};

}  // namespace napari::elements
