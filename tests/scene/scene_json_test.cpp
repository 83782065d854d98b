#include "scene/scene_json.hpp"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "fakes/blocking_source.hpp"
#include "scene/json_text.hpp"
#include "scene/scene_builder.hpp"

namespace napari::scene {
namespace {

TEST(JsonTextTest, WritesExactly) {
  JsonText json;
  json.begin_object().member("i", 2).member("f", 2.0).member("s", "a\"\n\x01é").member("b", true);
  json.member("v", std::vector<double>{0.1, 1e300}).key("o").begin_object().end_object();
  json.member("nan", std::nan("")).member("empty", std::vector<int>{}).end_object();
  EXPECT_EQ(json.text(),
            "{\"i\":2,\"f\":2.0,\"s\":\"a\\\"\\n\\u0001é\",\"b\":true,\"v\":[0.1,1e+300],"
            "\"o\":{},\"nan\":null,\"empty\":[]}");
  EXPECT_EQ(to_json(std::string("\xff")), "\"\xef\xbf\xbd\"") << "invalid UTF-8 is replaced";
}

OpenedImage open_synthetic(const std::vector<std::int64_t>& shape) {
  return {.source = std::make_shared<fakes::BlockingSource>(shape, 16, 2),
          .contrast_limits = {10, 200},
          .contrast_range = {0, 255}};
}

TEST(SceneBuilderTest, ShowsThePlaneInTheMiddle) {
  const auto first = build_first_scene(open_synthetic({5, 3, 20, 40, 60}), 2);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->dims.axis_labels, (std::vector<std::string>{"t", "c", "z", "y", "x"}));
  EXPECT_EQ(first->dims.current_step, (std::vector<std::int64_t>{2, 1, 10, 0, 0}));
  EXPECT_EQ(first->dims.displayed(), (std::vector<int>{3, 4}));
  EXPECT_EQ(first->layer.contrast_range, (std::array<double, 2>{0, 255}));
  EXPECT_EQ(first->layer.controls.contrast_limits, (std::array<double, 2>{10, 200}));
  EXPECT_EQ(first->layer.thumbnail.size(), 32U * 32 * 4);
  const auto volume = build_first_scene(open_synthetic({20, 40, 60}), 3);
  EXPECT_EQ(volume->dims.ndisplay, 3);
  EXPECT_EQ(volume->dims.displayed(), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(volume->dims.current_step[0], 10) << "leaving the volume shows its middle";
  EXPECT_EQ(build_first_scene(open_synthetic({40, 60}), 3)->dims.ndisplay, 2);
}

TEST(SceneBuilderTest, SpatialAxesAreDisplayedWhereverTheyStand) {
  std::vector<data::Axis> axes = {{"y", data::AxisType::space, ""},
                                  {"x", data::AxisType::space, ""},
                                  {"c", data::AxisType::channel, ""}};
  EXPECT_EQ(display_order(axes), (std::vector<int>{2, 0, 1}));
}

TEST(SceneBuilderTest, ChannelsBeginWithTheFirstAndLabelsAreUnique) {
  auto source = std::make_shared<fakes::BlockingSource>(std::vector<std::int64_t>{3, 4, 6}, 2, 1);
  source->edit().axes[0] = {"x", data::AxisType::channel, ""};
  source->edit().axes[1].name = "";
  const auto first =
      build_first_scene({.source = source, .contrast_limits = {0, 1}, .contrast_range = {0, 1}}, 2);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->dims.current_step[0], 0);
  EXPECT_EQ(first->dims.axis_labels, (std::vector<std::string>{"x", "axis-1", "x-2"}));
}

TEST(SceneBuilderTest, RefusesWhatCannotBeShown) {
  auto opened = open_synthetic({20, 40});
  opened.contrast_limits = {5, 5};
  EXPECT_FALSE(build_first_scene(opened, 2));
  opened.contrast_limits = {0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_FALSE(build_first_scene(opened, 2));
  EXPECT_FALSE(build_first_scene(open_synthetic({40}), 2));
}

TEST(SceneBuilderTest, StepsKeepTheirPlaceInTheWorld) {
  const auto opened = open_synthetic({20, 40, 60});
  const auto& info = opened.source->info();
  EXPECT_EQ(rescale_step(info, {10, 0, 59}, 0, 1), (std::vector<std::int64_t>{5, 0, 29}));
  EXPECT_EQ(rescale_step(info, {5, 0, 29}, 1, 0), (std::vector<std::int64_t>{11, 1, 59}));
  EXPECT_EQ(rescale_step(info, {7, 8, 9}, 1, 1), (std::vector<std::int64_t>{7, 8, 9}));
}

SceneDescription describe(const OpenedImage& opened) {
  const auto first = build_first_scene(opened, 2);
  SceneDescription scene;
  scene.image = opened.source;
  scene.layers = {first->layer};
  scene.dims = first->dims;
  scene.canvas = {1280, 720};
  scene.server_version = "0";
  return scene;
}

TEST(SceneJsonTest, ControlsAreTheClosedSet) {
  Layer layer;
  const std::string all = layer_controls_payload(layer, {});
  EXPECT_EQ(all,
            R"({"layer_id":"layer-0","controls":{"visible":true,"opacity":1.0,"blending":"opaque",)"
            R"("interpolation":"linear","colormap":"gray","rendering":"mip","gamma":1.0,)"
            R"("contrast_limits":[0.0,1.0],"iso_threshold":0.5,"attenuation":0.05}})");
  EXPECT_EQ(layer_controls_payload(layer, {"opacity", "depiction"}),
            R"({"layer_id":"layer-0","controls":{"opacity":1.0}})");
}

TEST(SceneJsonTest, DimsPayloadIsExact) {
  const auto scene = describe(open_synthetic({20, 40, 60}));
  EXPECT_EQ(
      dims_payload(scene),
      R"({"step":[10,0,0],"current_step":[10,0,0],"ndisplay":2,"mode":"plane","current_level":0,)"
      R"("downgraded":false,"level_shapes":[[20,40,60],[10,20,30]],)"
      R"("levels":[{"index":0,"shape":[20,40,60],"downsample":[1.0,1.0,1.0],"path":"0"},)"
      R"({"index":1,"shape":[10,20,30],"downsample":[2.0,2.0,2.0],"path":"1"}],)"
      R"("axis_labels":["z","y","x"],"order":[0,1,2],"displayed":[1,2]})");
}

TEST(SceneJsonTest, PoseAndStreamPayloadsAreExact) {
  CameraPose pose;
  pose.plane = {.center = {64, 48}, .zoom = 10};
  pose.volume = {.center = {1, 2, 3}, .angles = {31, 32, 0}, .distance = 400, .fov = 60};
  EXPECT_EQ(
      pose_payload(pose, 2, {1280, 720}),
      R"({"mode":"pose","origin":"worker.state.camera","state":{"center":[64.0,48.0],"zoom":10.0,)"
      R"("rect":[0.0,12.0,128.0,72.0]}})");
  EXPECT_EQ(pose_payload(pose, 3, {1280, 720}),
            R"({"mode":"pose","origin":"worker.state.camera","state":{"center":[1.0,2.0,3.0],)"
            R"("angles":[31.0,32.0,0.0],"distance":400.0,"fov":60.0}})");
  data::StreamConfig config;
  config.size = {320, 240};
  config.avcc_record = {1, 2, 3};
  EXPECT_EQ(
      stream_payload(config),
      R"({"codec":"h264","format":"avcc","fps":60.0,"frame_size":[320,240],"nal_length_size":4,)"
      R"("avcc":"AQID","latency_policy":{"max_buffer_ms":120.0,"grace_keyframe_ms":2000.0}})");
}

TEST(SceneJsonTest, SceneCarriesAThumbnailAndTheExtension) {
  auto scene = describe(open_synthetic({20, 40, 60}));
  scene.layers[0].thumbnail.clear();
  const std::string payload = scene_payload(scene);
  EXPECT_NE(payload.find(R"("thumbnail":[[[0.000,0.000,0.000,1.000],)"), std::string::npos);
  EXPECT_NE(payload.find(R"("napari_cuda":{"server_version":"0")"), std::string::npos);
  EXPECT_NE(payload.find(R"("name":"z","type":"space","unit":"","size":20)"), std::string::npos);
  EXPECT_EQ(payload.find("null"), std::string::npos);
  EXPECT_EQ(payload.find("depiction"), std::string::npos);
  SceneDescription idle;
  EXPECT_NE(scene_payload(idle).find(R"("layers":[],"metadata":{"status":"idle")"),
            std::string::npos);
}

}  // namespace
}  // namespace napari::scene
