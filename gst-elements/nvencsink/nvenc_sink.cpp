#include "nvencsink/nvenc_sink.hpp"

#include <utility>

#include <fmt/format.h>

#include "gstx/gst_error.hpp"
#include "gstx/unique.hpp"
#include "nvencsink/naparinvencsink.h"

namespace napari::elements {
namespace {
using gstx::ErrorCode;
using gstx::Ref;
}  // namespace

NvencSink& NvencSink::of(GstElement* element) { return *NAPARI_NVENC_SINK(element)->impl; }

GstElement* NvencSink::add(const char* factory, const char* name) {
  GstElement* element = gst_element_factory_make(factory, name);
  if (element == nullptr) {
    if (missing_.empty()) missing_ = factory;
    // An empty bin keeps the rest of the construction simple; `check` stops the element before anything runs.
    element = gst_bin_new(name);
  }
  gst_bin_add(bin_, element);
  return element;
}

NvencSink::NvencSink(GstBin* bin)
    : bin_(bin),
      queue_(add("queue", "frames")),
      parse_(add("h264parse", "parse")),
      tee_(Ref<GstElement>::retain(add("tee", "tee"))),
      barrier_(std::make_shared<FlowBarrier>()),
      rewriter_(std::make_shared<ParameterRewriter>(GST_ELEMENT(bin), &shared_)),
      stage_(std::make_shared<OutputStage>()) {
  if (missing_.empty()) link_chain();
}

void NvencSink::link_chain() {
  g_object_set(queue_, "max-size-buffers", 1U, "max-size-bytes", 0U, "max-size-time", guint64{0},
               nullptr);
  // Parameter sets before every IDR, whatever the encoder does.
  g_object_set(parse_, "config-interval", -1, nullptr);
  g_object_set(tee_.get(), "allow-not-linked", TRUE, nullptr);
  GstElement* keep_queue = add("queue", "keep");
  GstElement* keep_sink = add("fakesink", "keepsink");
  if (!missing_.empty()) return;
  g_object_set(keep_queue, "max-size-buffers", 2U, "silent", TRUE, nullptr);
  g_object_set(keep_sink, "async", FALSE, "sync", FALSE, nullptr);

  const auto barrier = make_pad_pair("barrier", barrier_);
  const auto rewriter = make_pad_pair("rewriter", rewriter_);
  const auto stage = make_pad_pair("stage", stage_);
  for (const auto& element : {barrier, rewriter, stage}) gst_bin_add(bin_, element.get());
  gst_element_link_many(queue_, barrier.get(), rewriter.get(), parse_, stage.get(), tee_.get(),
                        keep_queue, keep_sink, nullptr);

  const auto sink = Ref<GstPad>::adopt(gst_element_get_static_pad(queue_, "sink"));
  GstPadTemplate* pad_template =
      gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(bin_), "sink");
  gst_element_add_pad(GST_ELEMENT(bin_),
                      gst_ghost_pad_new_from_template("sink", sink.get(), pad_template));
  idr_ = std::make_unique<IdrControl>(sink.get());
  slot_ = std::make_unique<EncoderSlot>(EncoderSlot::Parts{
      .bin = bin_,
      .before = barrier.get(),
      .after = rewriter.get(),
      // Shared: an encoder that was left behind may come back when the bin is gone.
      .on_failure = [barrier = std::weak_ptr(barrier_)](int generation, const std::string& reason) {
        if (const auto alive = barrier.lock()) alive->report_failure(generation, reason);
      }});
  barrier_->connect({.bin = bin_, .shared = &shared_, .idr = idr_.get(), .slot = slot_.get()});
  stage_->connect({.bin = GST_ELEMENT(bin_),
                   .shared = &shared_,
                   .idr = idr_.get(),
                   .stats = &stats_,
                   .on_access_unit = [this](GstSample* sample) { emit_access_unit(sample); }});
}

void NvencSink::emit_access_unit(GstSample* sample) {
  const guint signal = access_unit_signal();
  if (g_signal_has_handler_pending(bin_, signal, 0, TRUE) != FALSE)
    g_signal_emit(bin_, signal, 0, sample);
}

gstx::Result<void> NvencSink::check() const {
  if (missing_.empty()) return {};
  return gstx::fail(ErrorCode::not_found, fmt::format("the element {} is not installed", missing_));
}

void NvencSink::on_starting() {
  barrier_->reset();
  stage_->reset();
  stats_.reset();
  shared_.watch.clear();
  shared_.stopping = false;
  const std::lock_guard lock(pads_mutex_);
  for (const auto& [name, branch] : branches_)
    if (branch) branch->restart();
}

void NvencSink::on_stopping() {
  shared_.stopping = true;
  idr_->cancel_scheduled();
  barrier_->let_go();
}

void NvencSink::on_stopped() {
  idr_->stop();
  barrier_->reset();
}

GstPad* NvencSink::request_pad(GstPadTemplate* pad_template, const char* wanted) {
  if (!missing_.empty()) return nullptr;  // `check` says what, at the state change
  std::string name;
  {
    const std::lock_guard lock(pads_mutex_);
    if (wanted != nullptr) {
      name = wanted;
    } else {
      do {
        name = fmt::format("src_{}", next_index_++);
      } while (branches_.contains(name));
    }
    // Taken before the branch is there, so that two threads cannot both take it.
    if (!branches_.emplace(name, nullptr).second) return nullptr;
  }
  auto branch = ConsumerBranch::attach(
      bin_, tee_.get(), pad_template,
      {.name = name,
       .request_idr = [this] { idr_->request(); },
       .warn =
           [this](const std::string& text) {
             gstx::post_warning(GST_ELEMENT(bin_), {ErrorCode::unavailable, text});
           }});
  const std::lock_guard lock(pads_mutex_);
  if (!branch) {
    branches_.erase(name);
    return nullptr;
  }
  branches_[name] = branch;
  return branch->ghost_pad();
}

void NvencSink::release_pad(GstPad* pad) {
  std::shared_ptr<ConsumerBranch> branch;
  {
    const std::lock_guard lock(pads_mutex_);
    const auto found = branches_.find(GST_PAD_NAME(pad));
    if (found == branches_.end()) return;
    branch = std::move(found->second);
    branches_.erase(found);
  }
  if (!branch) return;
  ConsumerBranch::detach(bin_, branch);
  gst_element_remove_pad(GST_ELEMENT(bin_), pad);
}

bool NvencSink::absorb(GstMessage* message) {
  if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR || shared_.stopping) return false;
  GError* error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  const gstx::UniqueError owned(error);
  const int generation = EncoderSlot::generation_of(GST_MESSAGE_SRC(message));
  // A queue in front of the encoder says only that something behind it returned an error.
  const GstStructure* details = nullptr;
  gst_message_parse_error_details(message, &details);
  gint flow = GST_FLOW_OK;
  if (details != nullptr && gst_structure_get_int(details, "flow-return", &flow) != FALSE)
    barrier_->report_death(
        generation,
        fmt::format("it returned {}", gst_flow_get_name(static_cast<GstFlowReturn>(flow))));
  else
    barrier_->report_death(generation, error->message);
  return true;
}

}  // namespace napari::elements
