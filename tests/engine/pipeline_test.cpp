// Whole chains through engine/api.hpp: plans in, access units out; keyframes on request, errors that name what is wrong,
// and stopping at any moment.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

#include <gtest/gtest.h>

#include "engine/api.hpp"
#include "engine/bitstream.hpp"
#include "engine/machine_probe.hpp"
#include "fakes/patience.hpp"

namespace napari::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What a pipeline said, and waiting for it.
class Listener {
 public:
  [[nodiscard]] PipelineEvents events() {
    return {
        .on_access_unit =
            [this](data::EncodedFramePtr frame) {
              note([&] { frames.push_back(std::move(frame)); });
            },
        .on_config =
            [this](const data::StreamConfig& config) {
              note([&] {
                configs.push_back(config);
                frames_at_config = frames.size();
              });
            },
        .on_drawn = [this](const data::FrameInfo& info) { note([&] { drawn.push_back(info); }); },
        .on_warning =
            [this](const gstx::Error& error) { note([&] { warnings.push_back(error); }); },
        .on_error = [this](const gstx::Error& error) { note([&] { errors.push_back(error); }); }};
  }
  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition, milliseconds within = milliseconds(15000)) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, within * fakes::patience(), condition);
  }
  template <typename Read>
  [[nodiscard]] auto read(Read function) {
    const std::lock_guard lock(mutex);
    return function();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<data::EncodedFramePtr> frames;
  std::vector<data::StreamConfig> configs;
  std::vector<data::FrameInfo> drawn;
  std::vector<gstx::Error> warnings, errors;
  std::size_t frames_at_config{0};

 private:
  template <typename Change>
  void note(Change change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

constexpr data::CanvasSize kCanvas{320, 240};

std::vector<ElementSpec> chain() {
  return {{"naparieglsrc", "src", {{"mode", std::string("on-damage")}}},
          {"naparicudaconvert", "convert", {{"flip", true}}},
          {"capsfilter",
           "encoded",
           {{"caps", std::string("video/x-raw,format=NV12,width=320,height=240,framerate=60/1")}}},
          {"naparinvencsink",
           "out",
           {{"encoder", std::string("x264")}, {"bitrate", std::int64_t{2'000'000}}}}};
}

data::RenderPlanPtr make_plan(std::uint64_t version, bool still, double draw_scale = 1) {
  auto plan = std::make_shared<data::RenderPlan>();
  plan->scene_version = version;
  plan->canvas = kCanvas;
  plan->draw_scale = draw_scale;
  plan->still = still;
  return plan;
}

class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_engine({.backend = BackendChoice::cpu, .draw_threads = 1});
    ASSERT_TRUE(made) << made.error().message;
    engine_ = std::move(*made);
  }
  void start() {
    auto made = engine_->make_pipeline(chain(), listener_.events());
    ASSERT_TRUE(made) << made.error().message;
    pipeline_ = std::move(*made);
    const auto started = pipeline_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  Listener listener_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, PlansBecomeAccessUnitsFirstAnIdrBehindItsConfig) {
  start();
  for (std::uint64_t version = 1; version <= 10; ++version) {
    engine_->submit(make_plan(version, false, version % 2 == 0 ? 0.5 : 1));
    ASSERT_TRUE(listener_.wait([&] {
      return !listener_.frames.empty() && listener_.frames.back()->info.scene_version == version;
    })) << "version "
        << version;
  }
  pipeline_->stop();
  ASSERT_EQ(listener_.configs.size(), 1u);  // the drawn size changed, the stream did not
  EXPECT_EQ(listener_.frames_at_config, 0u);
  EXPECT_EQ(listener_.configs[0].size, kCanvas);
  EXPECT_EQ(listener_.configs[0].fps, 60);
  EXPECT_EQ(listener_.configs[0].codec_string.rfind("avc1.", 0), 0u);
  EXPECT_GT(listener_.configs[0].avcc_record.size(), 11u);
  const auto& first = *listener_.frames.front();
  EXPECT_TRUE(first.keyframe);
  EXPECT_EQ(first.config_id, listener_.configs[0].config_id);
  const auto nals = split_avcc(first.avcc);
  ASSERT_TRUE(nals) << nals.error().message;
  EXPECT_EQ(nal_type(nals->front()), kNalSps);
  EXPECT_TRUE(find_parameter_sets(*nals));
  std::set<std::uint64_t> ids;
  for (const auto& info : listener_.drawn) ids.insert(info.frame_id);
  EXPECT_EQ(ids.size(), listener_.drawn.size());  // no repeat is told as drawn
  EXPECT_TRUE(listener_.errors.empty());
}

TEST_F(PipelineTest, StillSceneSettlesAndAnswersAKeyframeRequest) {
  start();
  engine_->submit(make_plan(1, true));
  ASSERT_TRUE(listener_.wait(
      [&] { return !listener_.frames.empty() && listener_.frames.back()->info.settle_last; }));
  const std::size_t before = listener_.read([&] { return listener_.frames.size(); });
  EXPECT_EQ(before, 9u);
  const auto asked = steady_clock::now();
  pipeline_->request_keyframe();
  ASSERT_TRUE(listener_.wait([&] { return listener_.frames.size() > before; }));
  EXPECT_LT(steady_clock::now() - asked, milliseconds(1000) * fakes::patience());
  EXPECT_TRUE(listener_.read([&] { return listener_.frames.back()->keyframe; }));
  const PipelineStats stats = pipeline_->stats();
  EXPECT_EQ(stats.frames_drawn, 1u);
  EXPECT_GE(stats.frames_encoded, 10u);
  EXPECT_GE(stats.keyframes, 2u);
  EXPECT_EQ(stats.encoder, "x264enc");
  EXPECT_NE(pipeline_->dot_graph().find("digraph"), std::string::npos);
}

TEST_F(PipelineTest, StopsWhileRunningAndStartsAgain) {
  start();
  for (std::uint64_t version = 1; version <= 12; ++version) {
    engine_->submit(make_plan(version, false));
    const std::size_t before = listener_.read([&] { return listener_.frames.size(); });
    ASSERT_TRUE(listener_.wait([&] { return listener_.frames.size() > before; }));
    engine_->submit(make_plan(version, true));
    pipeline_->stop();
    const std::size_t after = listener_.read([&] { return listener_.frames.size(); });
    ASSERT_TRUE(pipeline_->start());
    const std::size_t now = listener_.read([&] { return listener_.frames.size(); });
    EXPECT_GE(now, after);
    ASSERT_TRUE(listener_.wait([&] { return listener_.frames.size() > after; }));
    EXPECT_TRUE(listener_.read([&] { return listener_.frames[after]->keyframe; }));
  }
  EXPECT_TRUE(listener_.read([&] { return listener_.errors.empty(); }));
}

TEST_F(PipelineTest, StopBeforeAnyPlan) {
  start();
  const auto begun = steady_clock::now();
  pipeline_->stop();
  EXPECT_LT(steady_clock::now() - begun, milliseconds(2000) * fakes::patience());
  EXPECT_TRUE(listener_.frames.empty());
}

TEST_F(PipelineTest, WrongChainsAreNamed) {
  const auto error_of = [&](std::vector<ElementSpec> wrong) {
    auto made = engine_->make_pipeline(wrong, {});
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(error_of({{"nosuchelement", "", {}}}).find("nosuchelement"), std::string::npos);
  EXPECT_NE(error_of({{"naparieglsrc", "", {{"shape", true}}}}).find("'shape'"), std::string::npos);
  EXPECT_NE(error_of({{"naparieglsrc", "", {{"ndisplay", std::int64_t{9}}}}}).find("ndisplay"),
            std::string::npos);
  EXPECT_NE(
      error_of({{"naparieglsrc", "", {{"mode", std::string("sometimes")}}}}).find("sometimes"),
      std::string::npos);
  EXPECT_NE(error_of({{"naparieglsrc", "", {{"frames-drawn", std::int64_t{1}}}}}).find("read only"),
            std::string::npos);
  EXPECT_NE(error_of({{"naparieglsrc", "a", {}}, {"naparieglsrc", "a", {}}}).find("'a'"),
            std::string::npos);
  EXPECT_NE(error_of({{"fakesink", "a", {}}, {"naparieglsrc", "b", {}}}).find("does not link"),
            std::string::npos);
  EXPECT_FALSE(error_of({}).empty());
}

TEST_F(PipelineTest, SetNamesElementAndProperty) {
  start();
  EXPECT_TRUE(pipeline_->set("out", "bitrate", std::int64_t{3'000'000}));
  const auto no_element = pipeline_->set("nobody", "bitrate", std::int64_t{1});
  ASSERT_FALSE(no_element);
  EXPECT_NE(no_element.error().message.find("nobody"), std::string::npos);
  const auto no_property = pipeline_->set("out", "colour", true);
  ASSERT_FALSE(no_property);
  EXPECT_EQ(no_property.error().code, gstx::ErrorCode::not_found);
  EXPECT_FALSE(pipeline_->set("out", "bitrate", std::int64_t{-5}));
}

TEST_F(PipelineTest, ErrorsOfARunningChainArriveOnce) {
  const std::vector<ElementSpec> broken{
      {"naparieglsrc", "src", {{"mode", std::string("continuous")}}},
      {"identity", "breaker", {{"error-after", std::int64_t{3}}}},
      {"fakesink", "", {}}};
  auto made = engine_->make_pipeline(broken, listener_.events());
  ASSERT_TRUE(made) << made.error().message;
  engine_->submit(make_plan(1, false));
  ASSERT_TRUE((*made)->start());
  ASSERT_TRUE(listener_.wait([&] { return !listener_.errors.empty(); }));
  (*made)->stop();  // before the reads: the source may have an error of its own to tell
  EXPECT_NE(listener_.errors[0].message.find("breaker"), std::string::npos)
      << listener_.errors[0].message;
  EXPECT_EQ(std::ranges::count_if(
                listener_.errors,
                [](const auto& error) { return error.message.rfind("breaker", 0) == 0; }),
            1);
}

TEST_F(PipelineTest, TwoTiersShareEveryPicture) {
  Listener other;
  auto second = engine_->make_pipeline(chain(), other.events());
  ASSERT_TRUE(second);
  ASSERT_TRUE((*second)->start());
  start();
  engine_->submit(make_plan(1, true));
  const auto settled = [](Listener& listener) {
    return listener.wait(
        [&] { return !listener.frames.empty() && listener.frames.back()->info.settle_last; });
  };
  ASSERT_TRUE(settled(listener_));
  ASSERT_TRUE(settled(other));
  const auto first_drawn = [](Listener& listener) {
    return listener.read([&] { return listener.drawn[0].frame_id; });
  };
  EXPECT_EQ(first_drawn(listener_), first_drawn(other));
  pipeline_->stop();
  // The one that goes on still gets what comes.
  engine_->submit(make_plan(2, false));
  ASSERT_TRUE(other.wait([&] { return other.frames.back()->info.scene_version == 2; }));
  (*second)->stop();
}

TEST(MachineProbe, EndsWithOneSentence) {
  const auto lines = probe_machine({}, kCanvas, 60, "auto");
  ASSERT_GT(lines.size(), 4u);
  const std::string& last = lines.back();
  EXPECT_EQ(last.rfind("draws with ", 0), 0u) << last;
  EXPECT_NE(last.find(", encodes with "), std::string::npos) << last;
  EXPECT_NE(last.find(", because "), std::string::npos) << last;
  EXPECT_EQ(last.find('\n'), std::string::npos);
}

TEST(MachineProbe, SaysWhyEachBetterOneWasPassedOver) {
  EXPECT_EQ(
      verdict_sentence({.draws_with = "cpu (AVX2)",
                        .draw_reason = "no GPU answers",
                        .encodes_with = "x264enc",
                        .encoder_report = "nvh264enc: not there\nx264enc: chosen\n"}),
      "draws with cpu (AVX2), encodes with x264enc, because no GPU answers; nvh264enc: not there");
  EXPECT_EQ(verdict_sentence({.draws_with = "cpu",
                              .draw_reason = "no GPU",
                              .encodes_with = "x264enc",
                              .encoder_report = "a: none\nb: none\nc: other\nx264enc: chosen\n"}),
            "draws with cpu, encodes with x264enc, because no GPU; a, b: none; c: other");
  EXPECT_EQ(verdict_sentence({.draw_reason = "no device", .encoder_report = "x264enc: broken"}),
            "draws with nothing, encodes with nothing, because no device; x264enc: broken");
}

}  // namespace
}  // namespace napari::engine
