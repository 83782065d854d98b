// The state channel: accepts clients, answers their intents and commands, tells all of them what changed. The order is
// the protocol's: reduce, commit, ack to the sender, echo to everybody. Threads: [main]. Owns: sessions and notifier.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/commands.hpp"
#include "control/notifier.hpp"
#include "control/scene_host.hpp"
#include "control/session.hpp"
#include "data/latency_stats.hpp"

namespace napari::control {

class StateChannel {
 public:
  StateChannel(SceneHost& host, Commands& commands, const data::ServeConfig& config,
               ServiceReport& counters);
  ~StateChannel();
  StateChannel(const StateChannel&) = delete;
  StateChannel& operator=(const StateChannel&) = delete;

  void accept(std::unique_ptr<WebSocket> socket, runtime::Tier tier);
  [[nodiscard]] std::size_t clients() const { return sessions_.size(); }

  // An intent wants the next frame to be an IDR.
  std::function<void()> on_keyframe_wanted;

  // Goodbye to everybody; `on_empty` runs when the last has gone, at once if there is none.
  void drain(std::function<void()> on_empty);

  [[nodiscard]] data::LatencyStats<>::Summary ack_latency() const { return ack_latency_.summary(); }

 private:
  void on_update(Session& session, const InboundEnvelope& envelope);
  void on_command(Session& session, const InboundEnvelope& envelope);
  void on_closed(Session& session);
  void reply(std::uint64_t session_number, const std::string& in_reply_to,
             const CommandReply& reply);
  void accept_intent(Session& session, const InboundEnvelope& envelope, const Outcome& outcome);
  void reject_intent(Session& session, const InboundEnvelope& envelope, const Intent& intent,
                     const gstx::Error& error);
  void for_each(const std::function<void(Session&)>& visit);

  SceneHost& host_;
  Commands& commands_;
  const data::ServeConfig& config_;
  ServiceReport& counters_;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::uint64_t numbers_{0};
  Notifier notifier_;
  data::LatencyStats<> ack_latency_;
  std::function<void()> on_empty_;
  gstx::TaskQueue graveyard_{nullptr};  // sessions end here, outside their own callbacks
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
};

}  // namespace napari::control
