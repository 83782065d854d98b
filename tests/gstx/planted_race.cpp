// Two races in our code, built under TSan only: each must be reported with the project's suppressions and modelled locks in force.
//   planted_race threads    two threads write one variable
//   planted_race streaming  the main thread writes what a callback of a GStreamer streaming thread writes: the report's stack is
//                           full of third-party frames, which a suppression by library would match
// Exits with 0 when TSan reported a race, so that no other failure passes for one. TSan's own exit status is set aside.
#include <atomic>
#include <cstdio>
#include <string_view>
#include <thread>

#include <gst/gst.h>

namespace {

std::atomic<int> reports{0};
std::atomic<int> handed_over{0};
int shared_counter = 0;  // NOLINT: the point of the program
int shared_frames = 0;   // NOLINT: the point of the program

void race_of_threads() {
  const auto count = [] {
    for (int i = 0; i < 100000; ++i) ++shared_counter;
  };
  std::thread one(count);
  std::thread two(count);
  one.join();
  two.join();
}

void on_handoff(GstElement*, GstBuffer*, GstPad*, gpointer) noexcept {
  ++shared_frames;
  handed_over.fetch_add(1, std::memory_order_relaxed);  // orders nothing
}

void race_with_a_streaming_thread() {
  gst_init(nullptr, nullptr);
  GstElement* pipeline =
      gst_parse_launch("fakesrc ! fakesink name=sink signal-handoffs=true", nullptr);
  if (pipeline == nullptr) return;
  GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  g_signal_connect(sink, "handoff", G_CALLBACK(on_handoff), nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  const gint64 deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
  while (handed_over.load(std::memory_order_relaxed) < 100 && g_get_monotonic_time() < deadline) {
  }
  ++shared_frames;
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(sink);
  gst_object_unref(pipeline);
}

}  // namespace

// What the sanitizer's runtime looks for in a program.
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "exitcode=0"; }
extern "C" void __tsan_on_report(void*);
extern "C" void __tsan_on_report(void*) { reports.fetch_add(1); }

int main(int argc, char** argv) {
  const std::string_view which = argc > 1 ? argv[1] : "";
  if (which == "threads") race_of_threads();
  if (which == "streaming") race_with_a_streaming_thread();
  std::printf("%d reports\n", reports.load());
  return reports > 0 ? 0 : 1;
}
