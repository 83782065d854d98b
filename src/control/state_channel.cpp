#include "control/state_channel.hpp"

#include <algorithm>
#include <utility>

#include <glib.h>

#include "scene/json_text.hpp"

namespace napari::control {
namespace {

std::string rejected_payload(const InboundEnvelope& envelope, const Intent& intent,
                             const gstx::Error& error) {
  scene::JsonText json;
  json.begin_object().member("intent_id", envelope.intent_id);
  json.member("in_reply_to", envelope.frame_id).member("status", "rejected");
  json.key("error").begin_object().member("code", state_code(error.code));
  json.member("message", error.message).key("details").begin_object();
  json.member("scope", intent.scope).member("key", intent.key).member("target", intent.target);
  return json.end_object().end_object().end_object().take();
}

}  // namespace

StateChannel::StateChannel(SceneHost& host, Commands& commands, const data::ServeConfig& config,
                           ServiceReport& counters)
    : host_(host),
      commands_(commands),
      config_(config),
      counters_(counters),
      notifier_(
          host, config, [this](const auto& visit) { for_each(visit); }, counters) {}

StateChannel::~StateChannel() = default;

void StateChannel::for_each(const std::function<void(Session&)>& visit) {
  // Sessions are removed by a posted task only, so a send that closes one leaves the map alone.
  for (auto& [number, session] : sessions_) visit(*session);
}

void StateChannel::accept(std::unique_ptr<WebSocket> socket, runtime::Tier tier) {
  Session::Events events{
      .make_welcome =
          [this](const std::string& id) {
            WelcomeParams params{.session_id = id, .heartbeat_s = config_.heartbeat_s};
            notifier_.fill_resume(params);
            params.commands = Commands::names();
            return welcome_payload(params);
          },
      .on_welcomed = [this](Session& session) { notifier_.send_baseline(session); },
      .on_update = [this](Session& session,
                          const InboundEnvelope& envelope) { on_update(session, envelope); },
      .on_command = [this](Session& session,
                           const InboundEnvelope& envelope) { on_command(session, envelope); },
      .on_closed = [this](Session& session) { on_closed(session); },
  };
  const std::uint64_t number = ++numbers_;
  sessions_.emplace(
      number,
      std::make_unique<Session>(
          std::move(socket),
          Session::Params{.number = number,
                          .tier = tier,
                          .timing = {.hello_s = kHelloSeconds, .heartbeat_s = config_.heartbeat_s}},
          std::move(events), counters_));
}

void StateChannel::on_closed(Session& session) {
  graveyard_.post([this, number = session.number()] {
    sessions_.erase(number);
    if (sessions_.empty() && on_empty_) std::exchange(on_empty_, nullptr)();
  });
}

void StateChannel::on_update(Session& session, const InboundEnvelope& envelope) {
  const std::int64_t received_us = g_get_monotonic_time();
  // Without ids there is nothing to answer to.
  if (envelope.frame_id.empty() || envelope.intent_id.empty() || envelope.session.empty()) {
    ++counters_.messages_ignored;
    return;
  }
  Intent intent;
  const JsonView& payload = envelope.payload;
  intent.scope = lower(trim(payload.member("scope").string().value_or("")));
  intent.target = trim(payload.member("target").string().value_or(""));
  intent.key = lower(trim(payload.member("key").string().value_or("")));
  intent.value = payload.member("value");
  std::string fault = envelope.fault;
  if (fault.empty() && intent.value.absent()) fault = "payload has no value";
  if (fault.empty() && !payload.member("target").string()) fault = "target must be a string";
  Reduced reduced = fault.empty() ? reduce(host_.state(), intent) : Reduced(refuse(fault));
  if (reduced) {
    accept_intent(session, envelope, *reduced);
  } else {
    reject_intent(session, envelope, intent, reduced.error());
  }
  ack_latency_.add((g_get_monotonic_time() - received_us) * 1000);
}

void StateChannel::accept_intent(Session& session, const InboundEnvelope& envelope,
                                 const Outcome& outcome) {
  const auto commit = host_.apply(outcome);
  if (!commit) {
    reject_intent(session, envelope, {}, commit.error());
    return;
  }
  ++counters_.intents_accepted;
  scene::JsonText json;
  json.begin_object().member("intent_id", envelope.intent_id);
  json.member("in_reply_to", envelope.frame_id).member("status", "accepted");
  if (!outcome.applied_json.empty()) json.member_raw("applied_value", outcome.applied_json);
  json.member("version", std::max<std::uint64_t>(host_.state().version(outcome.answered), 1));
  json.member("scene_version", commit->scene_version).end_object();
  const std::string frame_id = make_id("ack");
  session.send({.type = "ack.state", .frame_id = frame_id}, json.text());
  if (!outcome.layer_id.empty()) {
    notifier_.tell_layer(outcome.layer_id, outcome.layer_controls, envelope.intent_id);
  }
  if (!outcome.camera_mode.empty()) {
    notifier_.tell_camera(outcome.camera_mode, outcome.applied_json, envelope.intent_id);
  }
  if (outcome.keyframe && on_keyframe_wanted) on_keyframe_wanted();
}

void StateChannel::reject_intent(Session& session, const InboundEnvelope& envelope,
                                 const Intent& intent, const gstx::Error& error) {
  ++counters_.intents_rejected;
  const std::string frame_id = make_id("ack");
  session.send({.type = "ack.state", .frame_id = frame_id},
               rejected_payload(envelope, intent, error));
}

void StateChannel::on_command(Session& session, const InboundEnvelope& envelope) {
  if (envelope.frame_id.empty()) {
    ++counters_.messages_ignored;
    return;
  }
  ++counters_.commands;
  commands_.run(session.tier(), envelope,
                [this, alive = std::weak_ptr(alive_), number = session.number(),
                 in_reply_to = envelope.frame_id](const CommandReply& command_reply) {
                  if (!alive.expired()) reply(number, in_reply_to, command_reply);
                });
}

void StateChannel::reply(std::uint64_t session_number, const std::string& in_reply_to,
                         const CommandReply& reply) {
  const auto found = sessions_.find(session_number);
  if (found == sessions_.end()) return;  // gone meanwhile
  scene::JsonText json;
  json.begin_object().member("in_reply_to", in_reply_to);
  json.member("status", reply.code.empty() ? "ok" : "error");
  if (!reply.code.empty()) {
    ++counters_.commands_failed;
    json.member("code", reply.code).member("message", reply.message);
    if (!reply.details_json.empty()) json.member_raw("details", reply.details_json);
  } else if (!reply.result_json.empty()) {
    json.member_raw("result", reply.result_json);
  }
  json.end_object();
  const bool failed = !reply.code.empty();
  const std::string frame_id = make_id(failed ? "error" : "reply");
  found->second->send({.type = failed ? "error.command" : "reply.command", .frame_id = frame_id},
                      json.text());
}

void StateChannel::drain(std::function<void()> on_empty) {
  if (sessions_.empty()) {
    on_empty();
    return;
  }
  on_empty_ = std::move(on_empty);
  for_each([](Session& session) { session.end("shutdown", "server_shutdown", kCloseServerError); });
}

}  // namespace napari::control
