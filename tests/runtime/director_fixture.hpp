// The Director without threads: a fake clock, and a loader that reads when the test says so.
#pragma once

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/blocking_source.hpp"
#include "fakes/fake_clock.hpp"
#include "runtime/director.hpp"
#include "runtime/read_job.hpp"

namespace napari::runtime {

using fakes::BlockingSource;

class DirectorTest : public testing::Test {
 protected:
  void show(std::shared_ptr<BlockingSource> source, int ndisplay = 2) {
    source_ = std::move(source);
    snapshot_.image = source_;
    ++snapshot_.dataset_id;
    const std::size_t rank = source_->info().axes.size();
    snapshot_.dims.current_step.assign(rank, 0);
    snapshot_.dims.order.resize(rank);
    for (std::size_t i = 0; i < rank; ++i) snapshot_.dims.order[i] = static_cast<int>(i);
    snapshot_.dims.ndisplay = ndisplay;
    snapshot_.layers = {scene::Layer{}};
    apply();
  }
  void apply() {
    snapshot_.scene_version = ++version_;
    director_.take_inputs(std::make_shared<scene::RenderSnapshot>(snapshot_), {}, clock_.now_ns());
  }
  void pan(double dx) {
    scene::CameraCommand command{.kind = scene::CameraCommandKind::pan,
                                 .scene_version = ++version_};
    command.delta_px = {dx, 0};
    director_.take_inputs(nullptr, {command}, clock_.now_ns());
  }
  void step() { next_ns_ = director_.step(clock_.now_ns()); }
  // Lets time pass, stepping whenever the Director asked to.
  void run_ms(std::int64_t ms) {
    for (std::int64_t i = 0; i < ms; ++i) {
      clock_.advance_ms(1);
      if (clock_.now_ns() >= next_ns_) step();
    }
  }
  // Reads what is wanted of this level (-1: of any) and delivers it. Returns how many.
  int load(int level = -1) {
    int count = 0;
    const auto wanted = wanted_;
    for (const auto& request : wanted) {
      if (level >= 0 && request.key.chunk.level != level) continue;
      auto job = ReadJob::make(request);
      for (std::size_t part = 0; part < job->part_count(); ++part)
        EXPECT_TRUE(job->read_part(part, {}));
      director_.take_block(job->finish(), clock_.now_ns());
      ++count;
    }
    next_ns_ = 0;  // a block wakes the render thread
    return count;
  }
  void load_all() {
    for (int i = 0; i < 50; ++i) {
      run_ms(20);
      if (load() == 0) return;
    }
    FAIL() << "still asking for blocks";
  }
  void fail_wanted(int level, gstx::ErrorCode code) {
    const auto wanted = wanted_;
    for (const auto& request : wanted)
      if (request.key.chunk.level == level)
        director_.take_block({request, gstx::fail(code, "chunk 0.0 is corrupt"), nullptr},
                             clock_.now_ns());
    next_ns_ = 0;
  }
  [[nodiscard]] const data::RenderPlan& plan() const { return *plans_.back(); }
  [[nodiscard]] std::set<int> wanted_levels() const {
    std::set<int> levels;
    for (const auto& request : wanted_) levels.insert(request.key.chunk.level);
    return levels;
  }
  // A picture of the last plan, drawn in so many ms.
  void draw(std::int64_t ms) {
    data::FrameInfo info;
    info.frame_id = ++frame_id_;
    info.render_start_ns = clock_.now_ns();
    clock_.advance_ms(ms);
    info.render_end_ns = clock_.now_ns();
    director_.take_drawn(info);
  }

  fakes::FakeClock clock_;
  std::vector<data::RenderPlanPtr> plans_, thumbnails_;
  std::vector<LoadRequest> wanted_;
  std::vector<gstx::Error> errors_;
  std::vector<int> levels_;
  std::vector<std::uint64_t> pose_versions_;
  scene::CameraPose pose_;
  Director director_{
      {{640, 480}, 60, std::int64_t{64} << 20},
      {.submit = [this](data::RenderPlanPtr p) { plans_.push_back(std::move(p)); },
       .want = [this](std::vector<LoadRequest> r) { wanted_ = std::move(r); },
       .on_pose =
           [this](const scene::CameraPose& pose, std::uint64_t version) {
             pose_ = pose;
             pose_versions_.push_back(version);
           },
       .on_level = [this](int level) { levels_.push_back(level); },
       .on_thumbnail = [this](data::RenderPlanPtr p) { thumbnails_.push_back(std::move(p)); },
       .on_error = [this](const gstx::Error& error) { errors_.push_back(error); }}};
  std::shared_ptr<BlockingSource> source_;
  scene::RenderSnapshot snapshot_;
  std::uint64_t version_{0}, frame_id_{0};
  std::int64_t next_ns_{kNeverNs};
};

}  // namespace napari::runtime
