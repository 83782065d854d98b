#include "nvencsink/consumer_branch.hpp"

#include <utility>

#include <fmt/format.h>
#include <gst/video/video.h>

#include "nvencsink/output_stage.hpp"

namespace napari::elements {
namespace {

using gstx::Ref;

constexpr guint kQueueBuffersMax = 60;
constexpr guint kQueueBytesMax = 16U << 20U;
constexpr gint kLeakyDownstream = 2;  // drops the oldest
constexpr gulong kAwakeMinUs = 2'000;
constexpr gulong kAwakeMaxUs = 50'000;
constexpr gulong kStaleUs = 200'000;

bool is_flushing(GstPad* pad) {
  GST_OBJECT_LOCK(pad);
  const bool flushing = GST_PAD_IS_FLUSHING(pad);
  GST_OBJECT_UNLOCK(pad);
  return flushing;
}

bool is_keyframe(GstBuffer* buffer) {
  return !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
}

// The element behind a pad's peer, for messages.
std::string consumer_name(GstPad* pad) {
  const auto peer = Ref<GstPad>::adopt(gst_pad_get_peer(pad));
  const auto proxied =
      peer && GST_IS_PROXY_PAD(peer.get())
          ? Ref<GstPad>::adopt(GST_PAD(gst_proxy_pad_get_internal(GST_PROXY_PAD(peer.get()))))
          : nullptr;
  const auto outer = proxied ? Ref<GstPad>::adopt(gst_pad_get_peer(proxied.get())) : peer;
  const auto element =
      outer ? Ref<GstElement>::adopt(gst_pad_get_parent_element(outer.get())) : nullptr;
  return element ? GST_OBJECT_NAME(element.get()) : "nobody";
}

}  // namespace

void ConsumerGate::on_linked() {
  waiting_ = true;
  blocked_ = false;
  disabled_ = false;
  if (!retired_) parts_.request_idr();
}

void ConsumerGate::restart(bool linked) {
  waiting_ = true;
  blocked_ = false;
  disabled_ = !linked;
}

void ConsumerGate::on_overrun() {
  if (retired_ || disabled_ || blocked_.exchange(true)) return;
  parts_.warn(fmt::format("{}: the consumer takes no data; dropping until it does, the others flow",
                          parts_.name));
}

void ConsumerGate::disable(const std::string& reason) {
  if (disabled_.exchange(true) || retired_) return;
  parts_.warn(fmt::format("{}: {}; the pad is off until it is linked anew, the others flow",
                          parts_.name, reason));
}

void ConsumerGate::resync() {
  if (!waiting_.exchange(true) && !retired_) parts_.request_idr();
}

bool ConsumerGate::admit(GstBuffer* buffer) {
  if (retired_ || disabled_) return false;
  const bool keyframe = is_keyframe(buffer);
  // The queue marks the first buffer after those it dropped.
  if (!keyframe && !waiting_ && GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT)) resync();
  if (waiting_ && !keyframe) return false;
  waiting_ = false;
  return true;
}

// A pad is often linked before its element is set to PLAYING. The IDR that it joins with is kept until then.
GstFlowReturn ConsumerGate::push_when_awake(GstPad* source_pad, GstBuffer* buffer) {
  gulong waited_us = 0;
  gulong pause_us = kAwakeMinUs;
  while (true) {
    const GstFlowReturn flow = gst_pad_push(source_pad, gst_buffer_ref(buffer));
    if (flow != GST_FLOW_FLUSHING) {
      if (waited_us > kStaleUs) resync();
      return flow;
    }
    if (retired_ || disabled_ || is_flushing(source_pad) || !gst_pad_is_linked(source_pad))
      return flow;
    g_usleep(pause_us);
    waited_us += pause_us;
    pause_us = std::min(pause_us * 2, kAwakeMaxUs);
  }
}

GstFlowReturn ConsumerGate::chain(GstPad* source_pad, GstBuffer* buffer) {
  const auto owned = Ref<GstBuffer>::adopt(buffer);
  if (!admit(buffer)) return GST_FLOW_OK;
  const GstFlowReturn flow = push_when_awake(source_pad, buffer);
  blocked_ = false;
  if (flow == GST_FLOW_NOT_LINKED) {
    disable("the consumer has been unlinked");
  } else if (flow == GST_FLOW_EOS) {
    disabled_ = true;  // it has had enough; nothing to warn of
  } else if (flow < GST_FLOW_EOS) {
    disable(fmt::format("the consumer {} failed ({})", consumer_name(source_pad),
                        gst_flow_get_name(flow)));
  } else if (flow == GST_FLOW_FLUSHING) {
    waiting_ = true;
  }
  return GST_FLOW_OK;
}

bool ConsumerGate::source_event(GstPad*, GstObject*, GstEvent* event) {
  const auto owned = Ref<GstEvent>::adopt(event);
  if (gst_video_event_is_force_key_unit(event) != FALSE && !retired_) parts_.request_idr();
  return true;
}

bool ConsumerGate::sink_query(GstPad* pad, GstObject* element, GstQuery* query) {
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CAPS:
    case GST_QUERY_ACCEPT_CAPS: {
      const auto caps = Ref<GstCaps>::adopt(gst_static_caps_get(output_caps()));
      return answer_with_caps(query, caps.get());
    }
    case GST_QUERY_ALLOCATION:
      return false;
    default:
      return PadPairHandler::sink_query(pad, element, query);
  }
}

bool ConsumerGate::source_query(GstPad* pad, GstObject* element, GstQuery* query) {
  if (GST_QUERY_TYPE(query) != GST_QUERY_CAPS)
    return PadPairHandler::source_query(pad, element, query);
  auto caps = Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad));
  if (!caps) caps = Ref<GstCaps>::adopt(gst_static_caps_get(output_caps()));
  return answer_with_caps(query, caps.get());
}

std::shared_ptr<ConsumerBranch> ConsumerBranch::attach(GstBin* bin, GstElement* tee,
                                                       GstPadTemplate* pad_template,
                                                       const ConsumerGate::Parts& gate) {
  GstElement* queue = gst_element_factory_make("queue", nullptr);
  if (queue == nullptr) return nullptr;
  auto branch = std::make_shared<ConsumerBranch>();
  branch->gate_ = std::make_shared<ConsumerGate>(gate);
  branch->tee_ = Ref<GstElement>::retain(tee);
  branch->queue_ = Ref<GstElement>::sink(queue);
  branch->gate_element_ = make_pad_pair(nullptr, branch->gate_);
  g_object_set(queue, "max-size-buffers", kQueueBuffersMax, "max-size-bytes", kQueueBytesMax,
               "max-size-time", guint64{0}, "leaky", kLeakyDownstream, nullptr);
  g_signal_connect_data(
      queue, "overrun", G_CALLBACK(+[](GstElement*, gpointer data) noexcept {
        (*static_cast<std::shared_ptr<ConsumerGate>*>(data))->on_overrun();
      }),
      new std::shared_ptr<ConsumerGate>(branch->gate_),
      [](gpointer data, GClosure*) noexcept {
        delete static_cast<std::shared_ptr<ConsumerGate>*>(data);
      },
      GConnectFlags{});
  gst_bin_add(bin, queue);
  gst_bin_add(bin, branch->gate_element_.get());
  gst_element_link(queue, branch->gate_element_.get());
  gst_element_sync_state_with_parent(branch->gate_element_.get());
  gst_element_sync_state_with_parent(queue);

  const auto source =
      Ref<GstPad>::adopt(gst_element_get_static_pad(branch->gate_element_.get(), "src"));
  branch->ghost_pad_ = Ref<GstPad>::sink(
      gst_ghost_pad_new_from_template(gate.name.c_str(), source.get(), pad_template));
  g_signal_connect_data(
      branch->ghost_pad_.get(), "linked", G_CALLBACK(+[](GstPad*, GstPad*, gpointer data) noexcept {
        (*static_cast<std::shared_ptr<ConsumerGate>*>(data))->on_linked();
      }),
      new std::shared_ptr<ConsumerGate>(branch->gate_),
      [](gpointer data, GClosure*) noexcept {
        delete static_cast<std::shared_ptr<ConsumerGate>*>(data);
      },
      GConnectFlags{});
  gst_pad_set_active(branch->ghost_pad_.get(), TRUE);
  branch->tee_pad_ = Ref<GstPad>::adopt(gst_element_request_pad_simple(tee, "src_%u"));
  const auto sink = Ref<GstPad>::adopt(gst_element_get_static_pad(queue, "sink"));
  gst_pad_link(branch->tee_pad_.get(), sink.get());
  return branch;
}

void ConsumerBranch::detach(GstBin* bin, const std::shared_ptr<ConsumerBranch>& branch) {
  branch->gate_->retire();
  const auto sink = Ref<GstPad>::adopt(gst_element_get_static_pad(branch->queue_.get(), "sink"));
  gst_pad_unlink(branch->tee_pad_.get(), sink.get());
  gst_element_release_request_pad(branch->tee_.get(), branch->tee_pad_.get());
  gst_bin_remove(bin, branch->gate_element_.get());
  gst_bin_remove(bin, branch->queue_.get());
  // Joins the queue's thread, which may be inside the consumer: not on the application's thread.
  gst_element_call_async(
      GST_ELEMENT(bin),
      [](GstElement*, gpointer data) noexcept {
        auto& down = **static_cast<std::shared_ptr<ConsumerBranch>*>(data);
        gst_pad_set_active(down.ghost_pad_.get(), FALSE);
        gst_element_set_state(down.gate_element_.get(), GST_STATE_NULL);
        gst_element_set_state(down.queue_.get(), GST_STATE_NULL);
      },
      new std::shared_ptr<ConsumerBranch>(branch),
      [](gpointer data) noexcept { delete static_cast<std::shared_ptr<ConsumerBranch>*>(data); });
}

}  // namespace napari::elements
