// The commands that clients may call: request_keyframe, fs.listdir, napari.load_zarr. What touches the disk runs on a
// thread of its own; the reply comes back on main. Threads: [main]. Owns: that thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/envelope.hpp"
#include "control/scene_host.hpp"
#include "gstx/thread.hpp"
#include "runtime/interface.hpp"

namespace napari::control {

inline constexpr int kCommandsInFlightMax = 32;

struct CommandReply {
  std::string code;  // empty: it worked
  std::string message;
  std::string details_json;
  std::string result_json;
};

class Commands {
 public:
  using Reply = std::function<void(const CommandReply&)>;

  Commands(SceneHost& host, const data::ServeConfig& config,
           std::function<void(runtime::Tier)> request_keyframe);

  [[nodiscard]] static std::vector<std::string> names();

  // `reply` runs exactly once, on main, perhaps before this returns; never after the object is gone.
  void run(runtime::Tier tier, const InboundEnvelope& envelope, Reply reply);

 private:
  void list_folder(const JsonView& kwargs, Reply reply);
  void load(const JsonView& kwargs, Reply reply);
  void open(const std::string& path, Reply reply);
  // Runs `work` on the disk thread and `finish` with its result on main.
  template <typename T>
  void on_disk(std::function<T()> work, std::function<void(T)> finish);

  SceneHost& host_;
  std::function<void(runtime::Tier)> request_keyframe_;
  std::string root_;  // never empty: nothing outside is shown or loaded
  int in_flight_{0};
  gstx::TaskQueue main_queue_{nullptr};
  gstx::ContextThread disk_{"control-disk"};  // last: ends first, before what its tasks use
};

}  // namespace napari::control
