// Decides what is drawn next: applies snapshots and camera commands in the order of their versions, chooses levels, asks for
// blocks, submits plans. Time comes in as an argument and nothing blocks, so every decision can be tested without a thread.
// It does not read, draw or wait. Threads: one (render). Owns the poses and what is resident.
//
// Moving: for kStillAfterNs after the last input pictures are drawn as fast as the rate asks, at a lower resolution if need be.
// Then one plan at full resolution, and, when nothing is missing, one marked `still`; for a volume that was coarsened to be quick,
// once that was drawn, one of the finest level that can be afforded; then nothing until something changes.
// A new index whose blocks are still to come keeps the picture of the old one, and its version, until the first of them is there.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "data/chunk_cache.hpp"
#include "data/encoded_frame.hpp"
#include "runtime/content.hpp"
#include "runtime/draw_governor.hpp"
#include "runtime/frame_clock.hpp"
#include "runtime/level_chooser.hpp"
#include "runtime/plane_content.hpp"
#include "runtime/volume_content.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::runtime {

inline constexpr std::int64_t kStillAfterNs = 60 * kMsNs;
inline constexpr std::int64_t kThumbnailIntervalNs = 250 * kMsNs;

struct DirectorConfig {
  data::CanvasSize canvas;
  int fps{60};
  std::int64_t memory_budget_bytes{0};
};

// All are called from within Director's methods. Any may be empty.
struct DirectorEvents {
  std::function<void(data::RenderPlanPtr)> submit;
  std::function<void(std::vector<LoadRequest>)> want;
  std::function<void(const scene::CameraPose&, std::uint64_t)> on_pose;
  std::function<void(int)> on_level;
  std::function<void(data::RenderPlanPtr)> on_thumbnail;  // to be drawn, 32 x 32
  std::function<void(const gstx::Error&)> on_error;
};

class Director {
 public:
  Director(DirectorConfig config, DirectorEvents events);

  // `snapshot` may be null: only commands came.
  void take_inputs(scene::RenderSnapshotPtr snapshot,
                   const std::vector<scene::CameraCommand>& commands, std::int64_t now_ns);
  void take_block(LoadResult result, std::int64_t now_ns);
  // True: a step is due.
  bool take_drawn(const data::FrameInfo& info);
  void take_encoded(double encode_ms) { governor_.on_encoded(encode_ms); }

  // Does what is due; returns when to call again (kNeverNs: after the next input).
  std::int64_t step(std::int64_t now_ns);

  struct Report {
    int level{-1};
    double draw_scale{1};
    std::uint64_t cache_bytes{0};
    bool operator==(const Report&) const = default;
  };
  [[nodiscard]] Report report() const;

 private:
  // What a submitted plan was, to judge measurements by.
  struct Submitted {
    std::int64_t at_ns{0};
    DrawLoad load;
    double scale{1};
    bool moving{false};
  };

  void take_snapshot(scene::RenderSnapshotPtr snapshot, std::int64_t now_ns);
  void adopt_image();
  void cut_image();
  void go_home();
  void note_scrub(const scene::Dims& before, const scene::Dims& after);
  void touch(std::int64_t now_ns);
  [[nodiscard]] bool is_moving(std::int64_t now_ns) const {
    return now_ns < input_ns_ + kStillAfterNs;
  }
  void draw(std::int64_t now_ns);
  [[nodiscard]] Content gather(const Subject& subject, std::int64_t now_ns);
  [[nodiscard]] Content gather_plane(const Subject& subject, std::int64_t now_ns);
  [[nodiscard]] Content gather_volume(const Subject& subject, std::int64_t now_ns);
  void submit(const Content& content, int ndisplay, bool held, std::int64_t now_ns);
  void update_want(std::vector<LoadRequest> wanted);
  void report_level(int level);
  void send_pose(std::int64_t now_ns);
  [[nodiscard]] Content gather_thumbnail(std::int64_t now_ns);
  void draw_thumbnail(std::int64_t now_ns);

  DirectorConfig config_;
  DirectorEvents events_;
  data::ChunkCache cache_;
  FailedReads failed_;
  PlaneContent planes_;
  VolumeContent volumes_;
  DrawGovernor governor_;
  FrameClock plan_clock_;
  FrameClock pose_clock_;

  scene::RenderSnapshotPtr snapshot_;
  std::optional<Subject> subject_;  // of the snapshot; empty: no image, or one that cannot be cut
  std::optional<Subject> shown_;    // of the picture on screen
  scene::WorldBox box_;
  scene::CameraPose pose_, home_;
  std::uint64_t version_{0};        // newest that was applied
  std::uint64_t shown_version_{0};  // newest that a plan carries
  LevelChooser levels_;
  int scrub_axis_{kNoAxis}, scrub_step_{0};

  bool dirty_{false};  // a plan is due
  bool pose_dirty_{false};
  bool was_moving_{false};  // the last plan was of a moving view
  bool refining_{false};    // the still picture was drawn: what is slower may follow
  std::int64_t input_ns_{-kStillAfterNs};
  std::int64_t retry_ns_{kNeverNs};  // something that failed may be tried again
  std::int64_t thumbnail_due_ns_{kNeverNs};
  std::int64_t thumbnail_last_ns_{-kThumbnailIntervalNs};
  data::RenderPlanPtr plan_, thumbnail_;
  std::vector<LoadRequest> wanted_, thumbnail_wanted_;
  std::deque<Submitted> submitted_;
  std::uint64_t frame_measured_{0};
  int level_{-1};
};

}  // namespace napari::runtime
