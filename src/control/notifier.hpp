// Turns ledger changes into notify frames and sends them to the sessions. What may be stale when it arrives (dims, poses)
// goes out once a main loop turn, the newest state only; an echo of an intent goes out at once, behind its ack.
// Keeps no delta history: every resume gets the full baseline. Threads: [main]. Borrows the host and the sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/handshake.hpp"
#include "control/scene_host.hpp"
#include "control/session.hpp"
#include "gstx/thread.hpp"

namespace napari::control {

class Notifier {
 public:
  using ForEachSession = std::function<void(const std::function<void(Session&)>&)>;

  Notifier(SceneHost& host, const data::ServeConfig& config, ForEachSession for_each,
           ServiceReport& counters);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void send_baseline(Session& session);
  // The resume cursors before the baseline, for the welcome.
  void fill_resume(WelcomeParams& params) const;

  // The echoes of an accepted intent, to everybody.
  void tell_layer(const std::string& layer_id, const std::vector<std::string>& controls,
                  std::string_view intent_id);
  void tell_camera(std::string_view mode, std::string_view delta_json, std::string_view intent_id);

  void flush();  // what is due, now

 private:
  struct Topic {
    std::string_view type;
    std::uint64_t seq{0};
    std::string delta_token;
  };

  void on_commit(const Commit& commit);
  void schedule();
  void broadcast(const OutboundEnvelope& envelope, std::string_view payload);
  void broadcast(Topic& topic, std::string_view payload, std::string_view intent_id);
  void send(Session& session, Topic& topic, std::string_view payload);
  void send_dims(Session& session, std::string_view payload);
  void send_stream(runtime::Tier tier);
  void advance(Topic& topic);

  SceneHost& host_;
  const data::ServeConfig& config_;
  ForEachSession for_each_;
  ServiceReport& counters_;
  Topic scene_{.type = "notify.scene"};
  Topic layers_{.type = "notify.layers"};
  Topic stream_{.type = "notify.stream"};

  // What is due.
  bool scheduled_{false};
  bool baseline_due_{false};
  bool dims_due_{false};
  bool pose_due_{false};
  std::set<std::string> thumbnails_due_;
  std::set<runtime::Tier> streams_due_;
  gstx::TaskQueue queue_{nullptr};
};

}  // namespace napari::control
