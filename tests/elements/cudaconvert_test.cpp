// naparicudaconvert against a double-precision reference, and its manners: metas, caps that stay, passing through.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include "engine/elements.hpp"
#include "gstx/gst_mapped.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {
namespace {

using BufferRef = gstx::Ref<GstBuffer>;

struct Rgb {
  double r{0}, g{0}, b{0};
};

// A picture in double precision, 0..1, read with clamped edges.
struct Reference {
  int width{0}, height{0};
  std::vector<Rgb> pixels;
  [[nodiscard]] Rgb at(int x, int y) const {
    x = std::clamp(x, 0, width - 1);
    y = std::clamp(y, 0, height - 1);
    return pixels[static_cast<std::size_t>(y * width + x)];
  }
};

Rgb mix(const Rgb& a, const Rgb& b, double t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

Reference scale(const Reference& in, int width, int height) {
  Reference out{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = (x + 0.5) * in.width / width - 0.5;
      const double v = (y + 0.5) * in.height / height - 0.5;
      const int x0 = static_cast<int>(std::floor(u));
      const int y0 = static_cast<int>(std::floor(v));
      out.pixels.push_back(mix(mix(in.at(x0, y0), in.at(x0 + 1, y0), u - x0),
                               mix(in.at(x0, y0 + 1), in.at(x0 + 1, y0 + 1), u - x0), v - y0));
    }
  }
  return out;
}

struct Matrix {
  double kr, kb;
};
constexpr Matrix k709{0.2126, 0.0722};
constexpr Matrix k601{0.299, 0.114};

double luma(const Rgb& c, Matrix m) { return m.kr * c.r + (1 - m.kr - m.kb) * c.g + m.kb * c.b; }

struct Yuv {
  double y, cb, cr;
};
Yuv convert(const Rgb& c, Matrix m) {
  const double y = luma(c, m);
  return {16 + 219 * y, 128 + 224 * (c.b - y) / (2 * (1 - m.kb)),
          128 + 224 * (c.r - y) / (2 * (1 - m.kr))};
}

struct Case {
  const char* format;
  bool bt601;
  bool flip;
  int in_width, in_height, out_width, out_height;
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return fmt::format("{}{}{}{}to{}", c.format, c.bt601 ? "Bt601" : "Bt709", c.flip ? "Flipped" : "",
                     c.in_width, c.out_width);
}

class CudaConvertPixels : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    harness_ = gst_harness_new("naparicudaconvert");
    const Case& c = GetParam();
    g_object_set(harness_->element, "flip", c.flip ? TRUE : FALSE, nullptr);
    gst_harness_set_sink_caps_str(
        harness_, fmt::format("video/x-raw,format={},width={},height={},colorimetry={}", c.format,
                              c.out_width, c.out_height, c.bt601 ? "bt601" : "bt709")
                      .c_str());
    gst_harness_set_src_caps_str(
        harness_, fmt::format("video/x-raw,format=RGBA,width={},height={},framerate=60/1",
                              c.in_width, c.in_height)
                      .c_str());
  }
  void TearDown() override { gst_harness_teardown(harness_); }

  // A seeded picture, pushed; its reference is kept.
  BufferRef convert_random() {
    const Case& c = GetParam();
    std::mt19937 random(7);
    reference_ = {c.in_width, c.in_height, {}};
    std::vector<std::uint8_t> rgba;
    for (int i = 0; i < c.in_width * c.in_height; ++i) {
      std::uint8_t code[3];
      for (auto& value : code) value = static_cast<std::uint8_t>(random());
      rgba.insert(rgba.end(), {code[0], code[1], code[2], 255});
      reference_.pixels.push_back({code[0] / 255.0, code[1] / 255.0, code[2] / 255.0});
    }
    reference_ = scale(reference_, c.out_width, c.out_height);
    if (c.flip)
      for (int y = 0; y < c.out_height / 2; ++y)
        std::swap_ranges(reference_.pixels.begin() + y * c.out_width,
                         reference_.pixels.begin() + (y + 1) * c.out_width,
                         reference_.pixels.begin() + (c.out_height - 1 - y) * c.out_width);
    GstBuffer* buffer = gst_buffer_new_memdup(rgba.data(), rgba.size());
    EXPECT_EQ(gst_harness_push(harness_, buffer), GST_FLOW_OK);
    return BufferRef::adopt(gst_harness_pull(harness_));
  }

  GstHarness* harness_{nullptr};
  Reference reference_;
};

double component(GstVideoFrame& frame, guint index, int x, int y) {
  const auto* row = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_COMP_DATA(&frame, index)) +
                    y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, index);
  return row[x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, index)];
}

TEST_P(CudaConvertPixels, WithinOneCodeOfDoublePrecision) {
  const Case& c = GetParam();
  const Matrix matrix = c.bt601 ? k601 : k709;
  const BufferRef out = convert_random();
  ASSERT_TRUE(out);
  const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
  GstVideoInfo info;
  ASSERT_TRUE(gst_video_info_from_caps(&info, caps.get()));
  gstx::MappedFrame mapped(info, out.get(), GST_MAP_READ);
  ASSERT_TRUE(mapped);
  const int sub = std::string(c.format) == "Y444" ? 1 : 2;
  double worst = 0;
  for (int y = 0; y < c.out_height; ++y)
    for (int x = 0; x < c.out_width; ++x)
      worst = std::max(worst, std::abs(component(mapped.frame(), 0, x, y) -
                                       convert(reference_.at(x, y), matrix).y));
  for (int y = 0; y < c.out_height / sub; ++y) {
    for (int x = 0; x < c.out_width / sub; ++x) {
      Rgb mean;
      for (int dy = 0; dy < sub; ++dy)
        for (int dx = 0; dx < sub; ++dx) {
          const Rgb p = reference_.at(x * sub + dx, y * sub + dy);
          mean = {mean.r + p.r / (sub * sub), mean.g + p.g / (sub * sub),
                  mean.b + p.b / (sub * sub)};
        }
      const Yuv expected = convert(mean, matrix);
      worst = std::max(worst, std::abs(component(mapped.frame(), 1, x, y) - expected.cb));
      worst = std::max(worst, std::abs(component(mapped.frame(), 2, x, y) - expected.cr));
    }
  }
  // The reference is not rounded: one code value of its rounding is 1.5 of it at most.
  EXPECT_LE(worst, c.in_width == c.out_width ? 1.0 : 1.5);
}

INSTANTIATE_TEST_SUITE_P(Formats, CudaConvertPixels,
                         ::testing::Values(Case{"NV12", false, false, 66, 50, 66, 50},
                                           Case{"NV12", true, true, 66, 50, 66, 50},
                                           Case{"I420", false, true, 66, 50, 66, 50},
                                           Case{"I420", true, false, 66, 50, 66, 50},
                                           Case{"Y444", false, false, 67, 51, 67, 51},
                                           Case{"Y444", true, true, 67, 51, 67, 51},
                                           Case{"NV12", false, false, 40, 30, 66, 50},
                                           Case{"NV12", true, true, 40, 30, 66, 50}),
                         name_of);

class CudaConvert : public ::testing::Test {
 protected:
  void SetUp() override { harness_ = gst_harness_new("naparicudaconvert"); }
  void TearDown() override { gst_harness_teardown(harness_); }
  void set_input(int width, int height) {
    gst_harness_set_src_caps_str(
        harness_,
        fmt::format("video/x-raw,format=RGBA,width={},height={},framerate=60/1", width, height)
            .c_str());
  }
  BufferRef push(int width, int height, std::uint64_t frame_id) {
    GstBuffer* buffer =
        gst_buffer_new_allocate(nullptr, static_cast<gsize>(width * height * 4), nullptr);
    gst_buffer_memset(buffer, 0, 90, static_cast<gsize>(width * height * 4));
    engine::add_frame_meta(buffer, {.frame_id = frame_id, .scene_version = 5, .settle_index = 3});
    EXPECT_EQ(gst_harness_push(harness_, buffer), GST_FLOW_OK);
    return BufferRef::adopt(gst_harness_pull(harness_));
  }
  int caps_events() {
    int count = 0;
    while (GstEvent* event = gst_harness_try_pull_event(harness_)) {
      if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) ++count;
      gst_event_unref(event);
    }
    return count;
  }
  std::string output_caps() {
    const auto caps = gstx::Ref<GstCaps>::adopt(gst_pad_get_current_caps(harness_->sinkpad));
    char* text = gst_caps_to_string(caps.get());
    std::string result(text);
    g_free(text);
    return result;
  }

  GstHarness* harness_{nullptr};
};

TEST_F(CudaConvert, FrameMetaSurvives) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format=NV12");
  set_input(64, 48);
  const BufferRef out = push(64, 48, 42);
  const data::FrameInfo* info = engine::find_frame_info(out.get());
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->frame_id, 42u);
  EXPECT_EQ(info->scene_version, 5u);
  EXPECT_EQ(info->settle_index, 3);
}

TEST_F(CudaConvert, OutputCapsStayWhenTheInputShrinks) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format={NV12,I420}");
  set_input(128, 96);
  ASSERT_TRUE(push(128, 96, 1));
  const std::string first = output_caps();
  EXPECT_NE(first.find("width=(int)128"), std::string::npos) << first;
  EXPECT_NE(first.find("colorimetry=(string)bt709"), std::string::npos) << first;
  EXPECT_NE(first.find("chroma-site=(string)jpeg"), std::string::npos) << first;
  EXPECT_EQ(caps_events(), 1);
  for (const int width : {64, 32, 96, 128}) {
    set_input(width, width * 3 / 4);
    const BufferRef out = push(width, width * 3 / 4, 2);
    ASSERT_TRUE(out);
    EXPECT_EQ(gst_buffer_get_size(out.get()), 128u * 96 * 3 / 2);
    EXPECT_EQ(output_caps(), first);
  }
  EXPECT_EQ(caps_events(), 0);
}

TEST_F(CudaConvert, FirstPictureDecidesTheSize) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format=NV12");
  set_input(1920, 1080);  // a source's default, before it has drawn anything
  set_input(64, 48);
  ASSERT_TRUE(push(64, 48, 1));
  EXPECT_NE(output_caps().find("width=(int)64"), std::string::npos) << output_caps();
}

TEST_F(CudaConvert, SameCapsPassThrough) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format=RGBA");
  set_input(64, 48);
  const BufferRef out = push(64, 48, 9);
  EXPECT_EQ(gst_buffer_get_size(out.get()), 64u * 48 * 4);
  EXPECT_EQ(engine::find_frame_info(out.get())->frame_id, 9u);
}

TEST_F(CudaConvert, OddSizesGrowToEvenFor420) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format=NV12");
  set_input(63, 47);
  ASSERT_TRUE(push(63, 47, 1));
  EXPECT_NE(output_caps().find("width=(int)64, height=(int)48"), std::string::npos)
      << output_caps();
}

TEST_F(CudaConvert, SmallerOutputIsRefusedInNegotiation) {
  gst_harness_set_sink_caps_str(harness_, "video/x-raw,format=NV12,width=32,height=24");
  const auto caps = gstx::Ref<GstCaps>::adopt(
      gst_caps_from_string("video/x-raw,format=RGBA,width=64,height=48,framerate=60/1"));
  const auto pad = gstx::Ref<GstPad>::adopt(gst_element_get_static_pad(harness_->element, "sink"));
  const auto possible = gstx::Ref<GstCaps>::adopt(gst_pad_query_caps(pad.get(), caps.get()));
  EXPECT_TRUE(gst_caps_is_empty(possible.get()));
}

}  // namespace
}  // namespace napari::elements
