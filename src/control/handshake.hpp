// The hello of a client, checked, and the server's answers to it. Strict where the protocol is: a hello with an unknown key
// is refused, since a later protocol would mean something by it. Threads: any (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/envelope.hpp"

namespace napari::control {

struct Reject {
  std::string code;
  std::string message;
  std::string details_json;  // empty: none
};

// The first message of a client. Nothing: welcome it.
[[nodiscard]] std::optional<Reject> check_hello(std::string_view message);

[[nodiscard]] std::string reject_payload(const Reject& reject);

struct ResumeState {
  std::uint64_t seq{0};
  std::string delta_token;
};

struct WelcomeParams {
  std::string session_id;
  double heartbeat_s{15};
  ResumeState scene, layers, stream;
  std::vector<std::string> commands;
};
[[nodiscard]] std::string welcome_payload(const WelcomeParams& params);

}  // namespace napari::control
