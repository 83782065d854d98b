#include "control/envelope.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <glib.h>
#include <sys/random.h>

#include "control/version.hpp"
#include "scene/json_text.hpp"

namespace napari::control {
namespace {

// Absent, null and anything that is no string read as empty; `fault` tells the last.
std::string read_id(const JsonView& root, const char* name, std::string& fault) {
  const JsonView node = root.member(name);
  if (node.is_null()) return {};
  auto text = node.string();
  if (!text || text->size() > kIdBytesMax) {
    fault = fmt::format("{} must be a string of at most {} bytes", name, kIdBytesMax);
    return {};
  }
  return *text;
}

}  // namespace

std::optional<InboundEnvelope> read_envelope(const JsonView& root) {
  auto type = root.member("type").string();
  if (!type) return std::nullopt;
  InboundEnvelope envelope;
  envelope.type = std::move(*type);
  if (!root.member("timestamp").number()) envelope.fault = "timestamp must be a number";
  const auto version = root.member("version").number();
  if (!version || *version != kProtocolVersion) {
    envelope.fault = fmt::format("version must be {}", kProtocolVersion);
  }
  envelope.session = read_id(root, "session", envelope.fault);
  envelope.frame_id = read_id(root, "frame_id", envelope.fault);
  envelope.intent_id = read_id(root, "intent_id", envelope.fault);
  envelope.payload = root.member("payload");
  if (!envelope.payload.is_object()) envelope.fault = "payload must be an object";
  envelope.resumable = !root.member("seq").is_null() || !root.member("delta_token").is_null();
  return envelope;
}

std::string write_envelope(const OutboundEnvelope& envelope, std::string_view payload) {
  scene::JsonText json;
  json.begin_object().member("type", envelope.type).member("version", kProtocolVersion);
  if (!envelope.session.empty()) json.member("session", envelope.session);
  if (!envelope.frame_id.empty()) json.member("frame_id", envelope.frame_id);
  json.key("timestamp").raw(fmt::format("{:.6f}", static_cast<double>(g_get_real_time()) / 1e6));
  if (envelope.seq) {
    json.member("seq", *envelope.seq).member("delta_token", envelope.delta_token);
  }
  if (!envelope.intent_id.empty()) json.member("intent_id", envelope.intent_id);
  json.member_raw("payload", payload).end_object();
  return json.take();
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  std::size_t filled = 0;
  while (filled < bytes) {
    const auto got = getrandom(random.data() + filled, bytes - filled, 0);
    g_assert(got > 0 || errno == EINTR);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  std::string text;
  for (const auto byte : random) text += fmt::format("{:02x}", byte);
  return text;
}

std::string make_id(std::string_view prefix) { return fmt::format("{}-{}", prefix, random_hex(8)); }

}  // namespace napari::control
