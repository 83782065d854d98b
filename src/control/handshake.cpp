#include "control/handshake.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "control/version.hpp"
#include "scene/json_text.hpp"

namespace napari::control {
namespace {

constexpr int kAckTimeoutMs = 250;  // advertised; no client enforces it

std::string error_details(std::string_view name, std::string_view text) {
  scene::JsonText json;
  return json.begin_object().member(name, text).end_object().take();
}

Reject invalid(const std::string& error) {
  return {"invalid_payload", "hello is not valid: " + error, error_details("error", error)};
}

// What the object has beyond `allowed`; empty: nothing.
template <std::size_t N>
std::string unknown_key(const JsonView& object, const std::array<std::string_view, N>& allowed) {
  for (const auto& name : object.member_names()) {
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) return name;
  }
  return {};
}

std::string check_client(const JsonView& client) {
  if (!client.is_object()) return "client must be an object";
  for (const char* name : {"name", "version", "platform"}) {
    if (!client.member(name).string()) return fmt::format("client.{} must be a string", name);
  }
  const auto extra =
      unknown_key(client, std::array<std::string_view, 3>{"name", "version", "platform"});
  return extra.empty() ? "" : fmt::format("unknown key 'client.{}'", extra);
}

std::string check_auth(const JsonView& auth) {
  if (auth.is_null()) return {};
  if (!auth.member("type").string()) return "auth.type must be a string";
  if (!auth.member("token").is_null() && !auth.member("token").string()) {
    return "auth.token must be a string";
  }
  const auto extra = unknown_key(auth, std::array<std::string_view, 2>{"type", "token"});
  return extra.empty() ? "" : fmt::format("unknown key 'auth.{}'", extra);
}

std::string check_maps(const JsonView& payload) {
  const JsonView features = payload.member("features");
  if (!features.is_object()) return "features must be an object";
  for (const auto& name : features.member_names()) {
    if (!features.member(name.c_str()).boolean()) {
      return fmt::format("features.{} must be a boolean", name);
    }
  }
  const JsonView tokens = payload.member("resume_tokens");
  if (!tokens.is_null() && !tokens.is_object()) return "resume_tokens must be an object";
  for (const auto& name : tokens.member_names()) {
    const JsonView token = tokens.member(name.c_str());
    if (!token.is_null() && !token.string()) {
      return fmt::format("resume_tokens.{} must be a string or null", name);
    }
  }
  return {};
}

// What is wrong with the payload's form; empty: nothing.
std::string check_payload(const JsonView& payload) {
  const auto extra = unknown_key(
      payload,
      std::array<std::string_view, 5>{"protocols", "client", "features", "resume_tokens", "auth"});
  if (!extra.empty()) return fmt::format("unknown key '{}'", extra);
  const JsonView protocols = payload.member("protocols");
  if (protocols.size() == 0) return "protocols must be a list that is not empty";
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    if (!protocols.at(i).integer()) return "protocols must hold integers";
  }
  for (const auto& fault : {check_client(payload.member("client")), check_maps(payload),
                            check_auth(payload.member("auth"))}) {
    if (!fault.empty()) return fault;
  }
  return {};
}

std::optional<Reject> check_protocols(const JsonView& protocols) {
  std::vector<std::int64_t> offered;
  for (std::size_t i = 0; i < protocols.size(); ++i) offered.push_back(*protocols.at(i).integer());
  if (std::find(offered.begin(), offered.end(), kProtocolVersion) != offered.end()) return {};
  scene::JsonText json;
  json.begin_object().member("client_protocols", offered).end_object();
  return Reject{"protocol_mismatch", fmt::format("server requires protocol {}", kProtocolVersion),
                json.take()};
}

std::optional<Reject> check_features(const JsonView& features) {
  std::vector<std::string> missing;
  for (const char* name : {"notify.scene", "notify.layers", "notify.stream"}) {
    if (!features.member(name).boolean().value_or(false)) missing.emplace_back(name);
  }
  if (missing.empty()) return {};
  scene::JsonText json;
  json.begin_object().member("missing", missing).end_object();
  return Reject{"unsupported_client",
                fmt::format("client does not request {}", fmt::join(missing, ", ")), json.take()};
}

void write_feature(scene::JsonText& json, std::string_view name, const ResumeState* resume) {
  json.key(name).begin_object().member("enabled", true).member("version", 1);
  json.member("resume", resume != nullptr);
  if (resume != nullptr) {
    json.key("resume_state").begin_object().member("seq", resume->seq);
    json.member("delta_token", resume->delta_token).end_object();
  }
  json.end_object();
}

}  // namespace

std::optional<Reject> check_hello(std::string_view message) {
  if (g_utf8_validate(message.data(), static_cast<gssize>(message.size()), nullptr) == FALSE) {
    return invalid("not UTF-8");
  }
  const auto document = JsonDocument::parse(message);
  if (!document) {
    return Reject{"invalid_json", "hello is " + document.error().message,
                  error_details("error", document.error().message)};
  }
  const auto envelope = read_envelope(document->root());
  if (!envelope || envelope->type != "session.hello") {
    const std::string received = envelope ? envelope->type.substr(0, 64) : "(no type)";
    return Reject{"unexpected_message", "expected session.hello, got " + received,
                  error_details("received", received)};
  }
  if (!envelope->fault.empty()) return invalid(envelope->fault);
  if (envelope->frame_id.empty()) return invalid("frame_id is missing");
  if (!envelope->session.empty() || !envelope->intent_id.empty() || envelope->resumable) {
    return invalid("session, seq, delta_token and intent_id do not belong in a hello");
  }
  if (const auto fault = check_payload(envelope->payload); !fault.empty()) return invalid(fault);
  if (auto reject = check_protocols(envelope->payload.member("protocols"))) return reject;
  return check_features(envelope->payload.member("features"));
}

std::string reject_payload(const Reject& reject) {
  scene::JsonText json;
  json.begin_object().member("code", reject.code).member("message", reject.message);
  if (!reject.details_json.empty()) json.member_raw("details", reject.details_json);
  return json.end_object().take();
}

std::string welcome_payload(const WelcomeParams& params) {
  scene::JsonText json;
  json.begin_object().member("protocol_version", kProtocolVersion);
  json.key("session").begin_object().member("id", params.session_id);
  json.member("heartbeat_s", params.heartbeat_s).member("ack_timeout_ms", kAckTimeoutMs);
  json.end_object().key("features").begin_object();
  write_feature(json, "notify.scene", &params.scene);
  write_feature(json, "notify.layers", &params.layers);
  write_feature(json, "notify.stream", &params.stream);
  write_feature(json, "notify.dims", nullptr);
  write_feature(json, "notify.camera", nullptr);
  json.key("notify.telemetry").begin_object().member("enabled", false).end_object();
  json.key("call.command").begin_object().member("enabled", true).member("version", 1);
  json.member("resume", false).member("commands", params.commands).end_object();
  return json.end_object().end_object().take();
}

}  // namespace napari::control
