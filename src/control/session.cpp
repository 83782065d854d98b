#include "control/session.hpp"

#include <utility>

#include <fmt/format.h>

#include "data/config.hpp"
#include "scene/json_text.hpp"

namespace napari::control {
namespace {

constexpr int kUnansweredMax = 2;

std::string goodbye_payload(std::string_view code, std::string_view message,
                            std::string_view reason) {
  scene::JsonText json;
  json.begin_object().member("code", code).member("message", message).member("reason", reason);
  return json.end_object().take();
}

}  // namespace

Session::Session(std::unique_ptr<WebSocket> socket, Params params, Events events,
                 ServiceReport& counters)
    : params_(params),
      events_(std::move(events)),
      counters_(counters),
      id_(make_id("session")),
      socket_(std::move(socket)) {
  socket_->set_events({
      .on_message = [this](std::string_view message) { on_message(message); },
      .on_closed =
          [this] {
            timer_.stop();
            state_ = State::ending;
            const auto on_closed = events_.on_closed;
            on_closed(*this);
          },
  });
  timer_.start_once(params_.timing.hello_s, [this] {
    reject({"timeout", fmt::format("no hello within {} s", params_.timing.hello_s), ""});
  });
}

void Session::send_raw(const std::string& text) {
  if (socket_->unsent_bytes() + text.size() > data::kClientBytesMax) {
    if (state_ != State::ending) ++counters_.clients_closed_slow;
    state_ = State::ending;
    timer_.stop();
    socket_->close(kCloseServerError, "client reads too slowly");
    return;
  }
  counters_.bytes_sent += text.size();
  socket_->send_text(text);
}

void Session::send(OutboundEnvelope envelope, std::string_view payload) {
  if (state_ != State::welcomed) return;
  envelope.session = id_;
  send_raw(write_envelope(envelope, payload));
}

void Session::reject(const Reject& reject) {
  ++counters_.sessions_rejected;
  const std::string frame_id = make_id("reject");
  send_raw(
      write_envelope({.type = "session.reject", .frame_id = frame_id}, reject_payload(reject)));
  timer_.stop();
  state_ = State::ending;
  socket_->close(kClosePolicy, reject.code);
}

void Session::end(std::string_view goodbye_code, std::string_view reason, unsigned close_code) {
  if (state_ == State::ending) return;
  const std::string frame_id = make_id("goodbye");
  send({.type = "session.goodbye", .frame_id = frame_id},
       goodbye_payload(goodbye_code, reason, reason));
  timer_.stop();
  state_ = State::ending;
  socket_->close(close_code, reason);
}

void Session::on_message(std::string_view message) {
  ++counters_.messages_in;
  unanswered_ = 0;
  if (state_ == State::ending) return;
  if (state_ == State::waiting) {
    on_hello(message);
    return;
  }
  const auto document = JsonDocument::parse(message);
  const auto envelope = document ? read_envelope(document->root()) : std::nullopt;
  if (!envelope) {
    ++counters_.messages_ignored;
    return;
  }
  route(*envelope);
}

void Session::on_hello(std::string_view message) {
  if (const auto refused = check_hello(message)) {
    reject(*refused);
    return;
  }
  ++counters_.sessions;
  state_ = State::welcomed;
  const std::string frame_id = make_id("welcome");
  send({.type = "session.welcome", .frame_id = frame_id}, events_.make_welcome(id_));
  timer_.start_repeating(params_.timing.heartbeat_s, [this] { on_heartbeat(); });
  events_.on_welcomed(*this);
}

void Session::route(const InboundEnvelope& envelope) {
  if (envelope.type == "state.update") {
    events_.on_update(*this, envelope);
  } else if (envelope.type == "call.command") {
    events_.on_command(*this, envelope);
  } else if (envelope.type == "session.goodbye") {
    end("goodbye", "client_goodbye", kCloseNormal);
  } else if (envelope.type != "session.ack") {
    ++counters_.messages_ignored;
  }
}

void Session::on_heartbeat() {
  if (unanswered_ >= kUnansweredMax) {
    ++counters_.sessions_timed_out;
    end("timeout", "heartbeat_timeout", kCloseServerError);
    return;
  }
  ++unanswered_;
  const std::string frame_id = make_id("heartbeat");
  send({.type = "session.heartbeat", .frame_id = frame_id}, "{}");
}

}  // namespace napari::control
