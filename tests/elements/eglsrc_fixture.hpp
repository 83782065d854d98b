// naparieglsrc in a GstHarness on the system clock, with a fake delegate where a test wants one.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include "fake_delegate.hpp"
#include "fakes/patience.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {

using BufferRef = gstx::Ref<GstBuffer>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline constexpr const char* kAnySizeCaps = "video/x-raw,format=RGBA,framerate=100/1";
inline constexpr const char* kSmallCaps =
    "video/x-raw,format=RGBA,width=64,height=48,framerate=100/1";

template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, milliseconds within = milliseconds(5000)) {
  const auto deadline = steady_clock::now() + within * napari::fakes::patience();
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));  // polls against a deadline
  }
  return true;
}

class EglSrcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    harness_ = gst_harness_new("naparieglsrc");
    gst_harness_use_systemclock(harness_);
  }
  void TearDown() override {
    if (harness_ != nullptr) gst_harness_teardown(harness_);
  }

  [[nodiscard]] GstElement* element() const { return harness_->element; }
  void use_delegate() {
    delegate_ = std::make_shared<FakeDelegate>();
    engine::RenderDelegatePtr shared = delegate_;
    g_object_set(element(), "delegate", &shared, nullptr);
  }
  void play(const char* caps) {
    gst_harness_set_sink_caps_str(harness_, caps);
    gst_harness_play(harness_);
  }
  [[nodiscard]] BufferRef pull() { return BufferRef::adopt(gst_harness_pull(harness_)); }
  [[nodiscard]] guint64 pushed() const {
    guint64 count = 0;
    g_object_get(element(), "frames-pushed", &count, nullptr);
    return count;
  }
  [[nodiscard]] bool got_eos() {
    bool eos = false;
    while (GstEvent* event = gst_harness_try_pull_event(harness_)) {
      eos = eos || GST_EVENT_TYPE(event) == GST_EVENT_EOS;
      gst_event_unref(event);
    }
    return eos;
  }
  // Answers the credit query as a sink that grants credits does.
  void grant_credits() {
    const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(element(), "src"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
        [](GstPad*, GstPadProbeInfo* info, gpointer) noexcept {
          return engine::is_credit_query(GST_PAD_PROBE_INFO_QUERY(info)) ? GST_PAD_PROBE_HANDLED
                                                                         : GST_PAD_PROBE_OK;
        },
        nullptr, nullptr);
  }

  GstHarness* harness_{nullptr};
  std::shared_ptr<FakeDelegate> delegate_;
};

}  // namespace napari::elements
