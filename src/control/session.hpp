// One client of the state channel: hello, welcome, heartbeats, goodbye, and the gate for everything it sends. Knows the
// envelope, not the scene. Threads: [main]. Owns: its socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "control/envelope.hpp"
#include "control/handshake.hpp"
#include "control/service_report.hpp"
#include "control/timer.hpp"
#include "control/web_socket.hpp"
#include "runtime/interface.hpp"

namespace napari::control {

inline constexpr double kHelloSeconds = 5;

class Session {
 public:
  struct Events {
    std::function<std::string(const std::string& session_id)> make_welcome;  // the payload
    std::function<void(Session&)> on_welcomed;                               // baseline time
    std::function<void(Session&, const InboundEnvelope&)> on_update;
    std::function<void(Session&, const InboundEnvelope&)> on_command;
    std::function<void(Session&)> on_closed;  // last; the session may be destroyed in it
  };
  struct Timing {
    double hello_s{kHelloSeconds};
    double heartbeat_s{15};
  };
  struct Params {
    std::uint64_t number{0};
    runtime::Tier tier{runtime::Tier::web};
    Timing timing;
  };

  Session(std::unique_ptr<WebSocket> socket, Params params, Events events, ServiceReport& counters);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] std::uint64_t number() const {
    return params_.number;
  }  // of the connection, never reused
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] runtime::Tier tier() const { return params_.tier; }
  [[nodiscard]] bool welcomed() const { return state_ == State::welcomed; }

  // Fills in this session's id. Dropped unless welcomed.
  void send(OutboundEnvelope envelope, std::string_view payload);

  // Says goodbye, if welcomed, and closes.
  void end(std::string_view goodbye_code, std::string_view reason, unsigned close_code);

 private:
  enum class State { waiting, welcomed, ending };

  void on_message(std::string_view message);
  void on_hello(std::string_view message);
  void on_heartbeat();
  void route(const InboundEnvelope& envelope);
  void reject(const Reject& reject);
  void send_raw(const std::string& text);

  Params params_;
  Events events_;
  ServiceReport& counters_;
  std::string id_;
  State state_{State::waiting};
  int unanswered_{0};
  Timer timer_;  // hello, then heartbeats
  std::unique_ptr<WebSocket> socket_;
};

}  // namespace napari::control
