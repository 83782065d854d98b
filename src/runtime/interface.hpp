// The runtime's face: snapshots and camera commands in, frames and poses out. Leaks no GStreamer, CUDA, EGL or
// libsoup type. Threads: methods are [main] unless tagged; callbacks of RuntimeEvents run on main, through `post`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/config.hpp"
#include "data/encoded_frame.hpp"
#include "data/image_source.hpp"
#include "data/render_plan.hpp"
#include "gstx/result.hpp"
#include "scene/camera.hpp"
#include "scene/scene.hpp"

namespace napari::runtime {

// A converted and encoded rendition of the picture (architecture.md, Tiers).
enum class Tier { web, napari };

struct RuntimeEvents {
  // The render thread moved a camera (commands up to `scene_version` are in it). Coalesced, at most once a frame.
  std::function<void(const scene::CameraPose& pose, std::uint64_t scene_version)> on_pose;
  // The level that is being drawn, for reports. -1: nothing yet.
  std::function<void(int level)> on_level;
  // A tier's decoder configuration is known or has changed.
  std::function<void(Tier, const data::StreamConfig&)> on_config;
  // A new thumbnail of the layer: 32 * 32 RGBA8, rows top first.
  std::function<void(std::vector<std::uint8_t>)> on_thumbnail;
  // Something failed and was degraded or given up: a chunk that cannot be read, an encoder that died. The server stays.
  std::function<void(const gstx::Error&)> on_error;
};

// Runs on an encoder's streaming thread; must not block. `frame` is shared.
using FrameCallback = std::function<void(data::EncodedFramePtr frame)>;

struct TierReport {
  std::string name;
  bool running{false};
  int subscribers{0};
  std::string encoder;
  std::string encoder_report;
  std::uint64_t frames_drawn{0}, frames_encoded{0}, keyframes{0}, bytes_encoded{0};
  double fps{0}, bitrate_bps{0}, draw_ms_p50{0}, encode_ms_p50{0};
};

struct RuntimeReport {
  std::string draws_with, draw_reason;
  std::vector<TierReport> tiers;
  int level_drawn{-1};
  double draw_scale{1};
  std::uint64_t cache_bytes{0}, cache_budget_bytes{0};
  std::uint64_t reads{0}, reads_cancelled{0}, reads_failed{0}, bytes_read{0};
};

class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;  // stop intake, drain, join, free

  // Opens `path` and measures contrast on a loader thread; `done` runs on main.
  virtual void open(std::string path,
                    std::function<void(gstx::Result<scene::OpenedImage>)> done) = 0;

  virtual void apply(scene::RenderSnapshotPtr snapshot) = 0;   // latest wins
  virtual void move_camera(scene::CameraCommand command) = 0;  // in order; merged; bounded
  [[nodiscard]] virtual scene::CameraPose home_pose(
      const scene::RenderSnapshot& snapshot) const = 0;  // what reset gives

  // A tier's chain exists while somebody is subscribed. A new subscriber's first frame is an IDR (one for all that join
  // meanwhile). Returns an id; `unsubscribe` blocks until no callback of it runs. Error: kSubscribersMax reached, no encoder.
  [[nodiscard]] virtual gstx::Result<std::uint64_t> subscribe(Tier tier,
                                                              FrameCallback callback) = 0;
  virtual void unsubscribe(std::uint64_t id) = 0;
  virtual void request_keyframe(Tier tier) = 0;

  [[nodiscard]] virtual RuntimeReport report() const = 0;
  [[nodiscard]] virtual std::string pipeline_dot() const = 0;  // every running chain, one digraph
};

struct RuntimeConfig {
  data::ServeConfig serve;
  // Opens a data set; set by the composition root, and by tests (a store that blocks, a synthetic volume).
  std::function<gstx::Result<data::ImageSourcePtr>(const std::string& path)> open_image;
  // [any] runs a task on main.
  std::function<void(std::function<void()>)> post;
};

[[nodiscard]] gstx::Result<std::unique_ptr<Runtime>> make_runtime(RuntimeConfig config,
                                                                  RuntimeEvents events);

// Frees what the process holds beside its runtimes. The last call of all: every runtime is gone, none is made after it. [main]
void shut_down();

// Machine report for `doctor`.
[[nodiscard]] std::vector<std::string> probe_machine(const data::ServeConfig& config);

// For `naparieglsrc location=`: opens a data set and draws it without a server. Plans go to `submit` [render].
class StandaloneView {
 public:
  virtual ~StandaloneView() = default;
};
[[nodiscard]] gstx::Result<std::unique_ptr<StandaloneView>> make_standalone_view(
    const std::string& location, data::CanvasSize canvas, int ndisplay,
    std::function<void(data::RenderPlanPtr)> submit);

}  // namespace napari::runtime
