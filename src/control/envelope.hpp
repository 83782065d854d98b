// The envelope around every JSON message (docs/protocol.md, Envelope): read leniently where the desktop client is lenient,
// written exactly. Knows no payload. Threads: any (values).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/json.hpp"

namespace napari::control {

inline constexpr std::size_t kIdBytesMax =
    256;  // of a client's frame and intent ids, which are echoed

struct InboundEnvelope {
  std::string type;
  std::string session;    // empty: absent
  std::string frame_id;   // empty: absent
  std::string intent_id;  // empty: absent
  JsonView payload;       // an object unless there is a fault
  bool resumable{false};  // seq or delta_token is there
  std::string fault;      // what is wrong with the envelope; empty: nothing
};

// Nothing where the message is no envelope at all: no object, or without a type.
[[nodiscard]] std::optional<InboundEnvelope> read_envelope(const JsonView& root);

struct OutboundEnvelope {
  std::string_view type;
  std::string_view session;    // empty: left out
  std::string_view frame_id;   // empty: left out
  std::string_view intent_id;  // empty: left out
  std::optional<std::uint64_t> seq;
  std::string_view delta_token;
};

// `payload` is a written JSON object. Stamps the wall clock.
[[nodiscard]] std::string write_envelope(const OutboundEnvelope& envelope,
                                         std::string_view payload);

// "<prefix>-<16 hex digits>", never the same twice in a process and not guessable.
[[nodiscard]] std::string make_id(std::string_view prefix);
[[nodiscard]] std::string random_hex(std::size_t bytes);

}  // namespace napari::control
