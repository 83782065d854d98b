#include "app/metrics.hpp"

#include <gtest/gtest.h>

namespace napari::app {
namespace {

runtime::RuntimeReport two_tiers() {
  runtime::RuntimeReport report;
  report.tiers = {{.name = "web", .frames_encoded = 3, .keyframes = 1, .fps = 60},
                  {.name = "napari", .frames_encoded = 4, .keyframes = 2, .fps = 30}};
  return report;
}

TEST(Metrics, PrometheusTextHasATypeForEveryValueAndAddsTiers) {
  const std::string text = prometheus_text({.frames_sent = 12}, two_tiers());
  EXPECT_NE(text.find("# TYPE napari_cuda_frames_total counter\nnapari_cuda_frames_total 7\n"),
            std::string::npos);
  EXPECT_NE(text.find("\nnapari_cuda_fps 60\n"), std::string::npos);
  EXPECT_NE(text.find("\nnapari_cuda_frames_sent_total 12\n"), std::string::npos);
}

TEST(Metrics, JsonHasTheReferenceServersShape) {
  const std::string json = metrics_json({}, two_tiers(), 1.5);
  EXPECT_EQ(json.rfind(R"({"version":"v1","ts":1.500,"gauges":{)", 0), 0U);
  EXPECT_NE(json.find(R"("counters":{"napari_cuda_frames_total":7,)"), std::string::npos);
  EXPECT_NE(json.find(R"("derived":{"fps":60.00})"), std::string::npos);
}

}  // namespace
}  // namespace napari::app
