// A picture of the real GL back end on its way through both elements: what arrives is what the road through system memory gives.
// And what a pipeline of both says that asks for memory which is not there.
#include <gtest/gtest.h>

#include "gl_scene.hpp"
#include "road_rig.hpp"

namespace napari::elements {
namespace {

constexpr data::CanvasSize kCanvas{192, 108};

class GlRoad : public ::testing::Test {
 protected:
  void SetUp() override {
    auto renderer = make_gl_renderer(false);
    if (!renderer) GTEST_SKIP() << renderer.error().message;
    renderer_ = *renderer;
    renderer_->submit(noise_plan(kCanvas));
  }
  [[nodiscard]] RoadPicture through(const std::string& memory, const std::string& rest) {
    Road road("naparieglsrc name=src num-buffers=3 ! video/x-raw" + memory +
                  ",framerate=60/1 ! naparicudaconvert name=convert" + rest +
                  " ! appsink name=out sync=false",
              renderer_);
    const auto pictures = road.all();
    EXPECT_TRUE(road.errors().empty());
    EXPECT_EQ(pictures.size(), 3u);
    return pictures.empty() ? RoadPicture{} : pictures.back();
  }

  std::shared_ptr<engine::Renderer> renderer_;
};

TEST_F(GlRoad, ConvertedOnTheGpuEqualsConvertedOnTheCpu) {
  for (const char* rest :
       {" ! video/x-raw,format=NV12", " flip=true ! video/x-raw,format=I420,colorimetry=bt601",
        " ! video/x-raw,format=Y444", " ! video/x-raw,format=NV12,width=320,height=180"}) {
    const RoadPicture gpu = through("(memory:NapariGpuFrame)", rest);
    const RoadPicture cpu = through("", rest);
    EXPECT_EQ(gpu.frame_id, 1u);
    const int worst = difference(gpu, cpu);
    EXPECT_GE(worst, 0) << rest;
    EXPECT_LE(worst, 1) << rest;
  }
}

TEST_F(GlRoad, DrawsOnceForAllRoads) {
  static_cast<void>(through("(memory:NapariGpuFrame)", " ! video/x-raw,format=NV12"));
  static_cast<void>(through("", " ! video/x-raw,format=NV12"));
  EXPECT_EQ(renderer_->stats().pictures_drawn, 1u);
}

TEST_F(GlRoad, HundredStartsWithAPictureHeld) {
  Road road(
      "naparieglsrc name=src ! video/x-raw(memory:NapariGpuFrame),framerate=60/1 ! "
      "naparicudaconvert ! video/x-raw,format=NV12 ! appsink name=out sync=false max-buffers=2",
      renderer_);
  gstx::Ref<GstSample> held;
  for (int cycle = 0; cycle < 100; ++cycle) {
    road.play();
    held = road.next_sample();
    ASSERT_TRUE(held) << "cycle " << cycle;
    road.stop();
  }
  EXPECT_TRUE(road.errors().empty());
}

TEST_F(GlRoad, NewPicturesOfEverySizeWhilePlaying) {
  Road road(
      "naparieglsrc name=src ! video/x-raw(memory:NapariGpuFrame),framerate=120/1 ! "
      "naparicudaconvert ! video/x-raw,format=NV12 ! appsink name=out sync=false",
      renderer_);
  road.play();
  RoadPicture picture;
  ASSERT_TRUE(road.next(picture));
  std::uint64_t version = 1;
  for (int round = 0; round < 10; ++round) {
    for (const int width : {64, 192, 130, 34}) {
      renderer_->submit(noise_plan({width, width / 4 * 2}, ++version));
      ASSERT_TRUE(road.next(picture)) << version;
    }
  }
  EXPECT_EQ(picture.size, kCanvas);
  EXPECT_TRUE(road.errors().empty());
}

TEST_F(GlRoad, MemoryChangesThroughACapsfilterWhilePlaying) {
  Road road(
      "naparieglsrc name=src mode=continuous ! capsfilter name=drawn "
      "caps=video/x-raw(memory:NapariGpuFrame),framerate=120/1 ! naparicudaconvert name=convert ! "
      "video/x-raw,format=NV12 ! appsink name=out sync=false max-buffers=4",
      renderer_);
  road.play();
  RoadPicture first;
  ASSERT_TRUE(road.next(first));
  const auto pad =
      gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(road.element("convert"), "sink"));
  for (int round = 0; round < 10; ++round) {
    const bool gpu = round % 2 == 1;
    road.set_caps("drawn", gpu ? "video/x-raw(memory:NapariGpuFrame),framerate=120/1"
                               : "video/x-raw,framerate=120/1");
    const auto wanted = gpu ? engine::MemoryKind::gpu_frame : engine::MemoryKind::system;
    engine::MemoryKind kind{};
    RoadPicture picture;
    for (int waited = 0; waited < 100 && (waited == 0 || kind != wanted); ++waited) {
      ASSERT_TRUE(road.next(picture)) << "round " << round;
      const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad.get()));
      kind = engine::memory_kind_of(caps.get());
    }
    EXPECT_EQ(kind, wanted) << "round " << round;
    const int worst = difference(picture, first);
    EXPECT_GE(worst, 0);
    EXPECT_LE(worst, 1);
  }
  EXPECT_TRUE(road.errors().empty());
}

TEST(RoadThatIsNotThere, TheSourceSaysWhyThereIsNoCudaMemory) {
  const auto cuda = engine::load_cuda();
  if (cuda) GTEST_SKIP() << "this machine has CUDA";
  for (const char* rest : {" ! video/x-raw(memory:CUDAMemory) ! naparicudaconvert",
                           " ! naparicudaconvert ! video/x-raw(memory:CUDAMemory),format=NV12"}) {
    Road road(std::string("naparieglsrc num-buffers=3") + rest + " ! appsink name=out");
    EXPECT_TRUE(road.all().empty());
    const auto errors = road.errors();
    ASSERT_FALSE(errors.empty()) << rest;
    EXPECT_EQ(errors.front(), "memory:CUDAMemory: " + cuda.error().message) << rest;
  }
}

}  // namespace
}  // namespace napari::elements
