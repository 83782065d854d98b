// naparinvencsink behind our own source and converter in real CUDA memory, with the test double for NVENC: needs an NVIDIA GPU,
// though none with NVENC; skips with the reason elsewhere.
#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "_helpers/standin_encoder/standin_encoder.hpp"
#include "engine/elements.hpp"
#include "fakes/patience.hpp"
#include "gl_scene.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/unique.hpp"

namespace napari::elements {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kSize = "width=1280,height=720,framerate=60/1";

class Line {
 public:
  explicit Line(const std::string& text, const engine::RenderDelegatePtr& delegate = nullptr) {
    pipeline_ = gstx::Ref<GstElement>::sink(gst_parse_launch(text.c_str(), nullptr));
    g_assert(pipeline_);
    if (delegate) {
      const auto source =
          gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), "src"));
      g_object_set(source.get(), "delegate", &delegate, nullptr);
    }
    out_ = gstx::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), "out"));
    g_signal_connect(out_.get(), "access-unit",
                     G_CALLBACK(+[](GstElement*, GstSample* sample, gpointer self) noexcept {
                       auto& line = *static_cast<Line*>(self);
                       GstBuffer* unit = gst_sample_get_buffer(sample);
                       if (!GST_BUFFER_FLAG_IS_SET(unit, GST_BUFFER_FLAG_DELTA_UNIT))
                         ++line.keyframes_;
                       ++line.units_;
                     }),
                     this);
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  }
  ~Line() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // EOS within 30 s, and no error before; the text of the error.
  std::string run_to_end() {
    const auto bus = gstx::Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
    const auto message = gstx::Ref<GstMessage>::adopt(gst_bus_timed_pop_filtered(
        bus.get(), 30 * GST_SECOND * static_cast<GstClockTime>(fakes::patience()),
        static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
    if (!message) return "no end";
    if (GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_EOS) return {};
    GError* error = nullptr;
    gst_message_parse_error(message.get(), &error, nullptr);
    const gstx::UniqueError owned(error);
    return error->message;
  }
  bool wait_for_units(int count) {
    const std::int64_t deadline = g_get_monotonic_time() + 20'000'000 * fakes::patience();
    while (units_ < count && g_get_monotonic_time() < deadline) g_usleep(500);
    return units_ >= count;
  }
  void kill(const char* factory) {
    GstIterator* children =
        gst_bin_iterate_all_by_element_factory_name(GST_BIN(out_.get()), factory);
    GValue value = G_VALUE_INIT;
    ASSERT_EQ(gst_iterator_next(children, &value), GST_ITERATOR_OK) << factory;
    GST_ELEMENT_ERROR(GST_ELEMENT(g_value_get_object(&value)), LIBRARY, ENCODE,
                      ("killed by the test"), (nullptr));
    g_value_unset(&value);
    gst_iterator_free(children);
  }
  [[nodiscard]] std::string property(const char* name) const {
    gchar* text = nullptr;
    g_object_get(out_.get(), name, &text, nullptr);
    const gstx::UniqueString owned(text);
    return text;
  }
  [[nodiscard]] int units() const { return units_; }
  [[nodiscard]] int keyframes() const { return keyframes_; }

 private:
  gstx::Ref<GstElement> pipeline_;
  gstx::Ref<GstElement> out_;
  std::atomic<int> units_{0};
  std::atomic<int> keyframes_{0};
};

class GpuNvencSink : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto cuda = engine::load_cuda(); !cuda) GTEST_SKIP() << cuda.error().message;
    ASSERT_TRUE(standin::register_elements(nullptr, standin::Release::v1_22));
  }
  void TearDown() override {
    standin::unregister_elements();
    standin::set_orders({});
    engine::forget_probe_results();
  }
  static std::string line(const std::string& source) {
    return source + " ! naparicudaconvert ! naparinvencsink name=out";
  }
};

TEST_F(GpuNvencSink, ProbeMakesItsPictureInCudaMemory) {
  const int before = standin::counts().pictures_in_device_memory;
  const auto opened =
      engine::probe_encoder(engine::encoder_candidates().front(), {.size = {1920, 1080}});
  EXPECT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(standin::counts().pictures_in_device_memory, before + 1);
}

TEST_F(GpuNvencSink, PicturesComeInCudaMemoryAllTheWay) {
  const standin::Counts before = standin::counts();
  Line pipeline(line(std::string("naparieglsrc num-buffers=120 pattern=bars ! "
                                 "video/x-raw(memory:CUDAMemory),") +
                     kSize));
  EXPECT_EQ(pipeline.run_to_end(), "");
  EXPECT_EQ(pipeline.property("encoder-name"), "nvcudah264enc");
  EXPECT_EQ(pipeline.units(), 120);
  EXPECT_GE(standin::counts().pictures_in_device_memory - before.pictures_in_device_memory, 120);
  EXPECT_EQ(standin::counts().pictures_in_system_memory, before.pictures_in_system_memory);
}

// Drawn on the GPU, so that CUDA memory is what the source likes best.
TEST_F(GpuNvencSink, DeathWhilePlayingGoesOnInSystemMemory) {
  auto renderer = make_gl_renderer(true);
  if (!renderer) GTEST_SKIP() << renderer.error().message;
  const standin::Counts before = standin::counts();
  Line pipeline(line(std::string("naparieglsrc name=src ! video/x-raw(ANY),") + kSize), *renderer);
  for (int i = 0; i < 60; ++i) {
    if (i == 30) {
      EXPECT_EQ(pipeline.property("encoder-name"), "nvcudah264enc");
      EXPECT_GE(standin::counts().pictures_in_device_memory - before.pictures_in_device_memory, 30);
      standin::set_orders({.refuse = true});
      engine::forget_probe_results();
      pipeline.kill("nvcudah264enc");
    }
    const int units = pipeline.units();
    (*renderer)->submit(noise_plan({1280, 720}, static_cast<std::uint64_t>(i) + 1));
    ASSERT_TRUE(pipeline.wait_for_units(units + 1)) << "plan " << i;
  }
  EXPECT_EQ(pipeline.property("encoder-name"), "x264enc");
  EXPECT_THAT(pipeline.property("encoder-report"), HasSubstr("killed by the test"));
  EXPECT_GE(pipeline.keyframes(), 2);
}

TEST_F(GpuNvencSink, DeathWhileStillShowsThePictureAgain) {
  auto renderer = make_gl_renderer(true);
  if (!renderer) GTEST_SKIP() << renderer.error().message;
  Line pipeline(line(std::string("naparieglsrc name=src ! video/x-raw(ANY),") + kSize), *renderer);
  (*renderer)->submit(noise_plan({1280, 720}));
  ASSERT_TRUE(pipeline.wait_for_units(1));
  ASSERT_EQ(pipeline.property("encoder-name"), "nvcudah264enc");
  standin::set_orders({.refuse = true});
  engine::forget_probe_results();
  pipeline.kill("nvcudah264enc");
  EXPECT_TRUE(pipeline.wait_for_units(2)) << "nothing new is drawn";
  EXPECT_EQ(pipeline.property("encoder-name"), "x264enc");
}

TEST_F(GpuNvencSink, ARefusedSessionStartsWithoutCuda) {
  auto renderer = make_gl_renderer(true);
  if (!renderer) GTEST_SKIP() << renderer.error().message;
  standin::set_orders({.refuse = true});
  Line pipeline(line(std::string("naparieglsrc name=src ! video/x-raw(ANY),") + kSize), *renderer);
  (*renderer)->submit(noise_plan({1280, 720}));
  ASSERT_TRUE(pipeline.wait_for_units(1));
  EXPECT_EQ(pipeline.property("encoder-name"), "x264enc");
  EXPECT_THAT(pipeline.property("encoder-report"), HasSubstr("NV_ENC_ERR_OUT_OF_MEMORY"));
}

TEST_F(GpuNvencSink, StartStop50Cycles) {
  for (int cycle = 0; cycle < 50; ++cycle) {
    Line pipeline(line(std::string("naparieglsrc num-buffers=5 pattern=bars ! "
                                   "video/x-raw(memory:CUDAMemory),") +
                       kSize));
    ASSERT_EQ(pipeline.run_to_end(), "") << "cycle " << cycle;
  }
  EXPECT_EQ(standin::counts().sessions_open, 0);
}

}  // namespace
}  // namespace napari::elements
