// libFuzzer entry: whatever a stranger sends as a message must end in an answer or be ignored, never in undefined behaviour.
// Goes through the JSON reader, the envelope, the hello and every reducer, and checks what they promise.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <glib.h>

#include "control/envelope.hpp"
#include "control/handlers.hpp"
#include "control/handshake.hpp"
#include "control/keys.hpp"

namespace {

napari::control::Ledger& ledger() {
  static napari::control::Ledger instance;
  static const bool filled = instance.commit(napari::control::first_state()).has_value();
  g_assert(filled);
  return instance;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace napari::control;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  if (const auto reject = check_hello(message)) {
    g_assert(JsonDocument::parse(reject_payload(*reject)).has_value());
  }
  const auto document = JsonDocument::parse(message);
  if (!document) return 0;
  const auto envelope = read_envelope(document->root());
  if (!envelope) return 0;
  const JsonView payload = envelope->payload;
  const Intent intent{lower(trim(payload.member("scope").string().value_or(""))),
                      trim(payload.member("target").string().value_or("")),
                      lower(trim(payload.member("key").string().value_or(""))),
                      payload.member("value")};
  const auto reduced = reduce(ledger().state(), intent);
  if (!reduced) {
    g_assert(!reduced.error().message.empty());
    return 0;
  }
  if (!reduced->applied_json.empty()) {
    g_assert(JsonDocument::parse(reduced->applied_json).has_value());
  }
  g_assert(ledger().commit(reduced->transaction).has_value());
  return 0;
}
