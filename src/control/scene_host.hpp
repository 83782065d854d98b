// The ledger and the runtime kept in step: every committed change reaches the render thread as a snapshot, every pose,
// thumbnail and stream configuration comes back as a mirrored fact, a data set is opened and becomes the scene. Knows no
// client. Threads: [main]. Borrows the runtime from `attach` to `detach`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/handlers.hpp"
#include "control/keys.hpp"
#include "control/ledger.hpp"
#include "data/config.hpp"
#include "runtime/interface.hpp"

namespace napari::control {

class SceneHost {
 public:
  explicit SceneHost(const data::ServeConfig& config);
  SceneHost(const SceneHost&) = delete;
  SceneHost& operator=(const SceneHost&) = delete;

  void attach(runtime::Runtime& runtime);
  void detach() { runtime_ = nullptr; }
  [[nodiscard]] runtime::Runtime* runtime() const { return runtime_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const LedgerState& state() const { return ledger_.state(); }

  // Commits what a reducer returned and moves the camera where it asks for that.
  [[nodiscard]] gstx::Result<Commit> apply(const Outcome& outcome);

  // One data set is opened at a time: `unavailable` while another is.
  void open(std::string path, std::function<void(gstx::Result<void>)> done);

  void mirror_pose(const scene::CameraPose& pose);
  void mirror_thumbnail(std::vector<std::uint8_t> pixels);
  void mirror_config(runtime::Tier tier, const data::StreamConfig& config);

  [[nodiscard]] static TypedKey<data::StreamConfig> stream_key(runtime::Tier tier);

 private:
  void send_snapshot(const Commit& commit);
  gstx::Result<void> install(scene::OpenedImage opened);

  const data::ServeConfig& config_;
  Ledger ledger_;
  runtime::Runtime* runtime_{nullptr};
  std::uint64_t datasets_{0};
  bool opening_{false};
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};  // callbacks of `open` hold it weakly
};

}  // namespace napari::control
