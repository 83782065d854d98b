// RGBA to NV12 through an element, ours and GStreamer's, same frames, alternating in one run. Prints one JSON object a line:
// {"name":…,"size":[w,h],"element":…,"ms_p50":…,"ms_p95":…,"frames":n}.
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gst/check/gstharness.h>
#include <gst/gst.h>

extern "C" void gst_plugin_naparicuda_register(void);

namespace {

struct Element {
  std::string launch;
  GstHarness* harness{nullptr};
  std::vector<double> ms{};
};

GstBuffer* make_frame(int width, int height) {
  GstBuffer* buffer = gst_buffer_new_allocate(
      nullptr, static_cast<gsize>(width) * static_cast<gsize>(height) * 4, nullptr);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  guint32 state = 1;
  for (gsize i = 0; i < map.size; ++i) {
    state = state * 1664525 + 1013904223;
    map.data[i] = static_cast<guint8>(state >> 24);
  }
  gst_buffer_unmap(buffer, &map);
  return buffer;
}

double percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(fraction * static_cast<double>(values.size() - 1))];
}

void measure(int width, int height, int frames) {
  std::vector<Element> elements{
      {"naparicudaconvert"}, {"videoconvert"}, {"videoconvert n-threads=2"}};
  const std::string in =
      fmt::format("video/x-raw,format=RGBA,width={},height={},framerate=60/1", width, height);
  const std::string out = fmt::format(
      "video/x-raw,format=NV12,width={},height={},framerate=60/1,colorimetry=bt709", width, height);
  for (Element& element : elements) {
    element.harness = gst_harness_new_parse(element.launch.c_str());
    gst_harness_set_caps_str(element.harness, in.c_str(), out.c_str());
  }
  GstBuffer* frame = make_frame(width, height);
  for (int i = 0; i < frames + 5; ++i) {
    for (Element& element : elements) {
      const auto start = std::chrono::steady_clock::now();
      gst_buffer_unref(gst_harness_push_and_pull(element.harness, gst_buffer_ref(frame)));
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      if (i >= 5) element.ms.push_back(took.count());
    }
  }
  for (Element& element : elements) {
    fmt::print(
        R"({{"name":"convert","size":[{},{}],"element":"{}","ms_p50":{:.3f},"ms_p95":{:.3f},"frames":{}}})"
        "\n",
        width, height, element.launch, percentile(element.ms, 0.5), percentile(element.ms, 0.95),
        frames);
    gst_harness_teardown(element.harness);
  }
  gst_buffer_unref(frame);
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  gst_plugin_naparicuda_register();
  measure(1280, 720, 200);
  measure(1920, 1080, 200);
  measure(3840, 2160, 50);
  return 0;
}
