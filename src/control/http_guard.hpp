// Who may speak to the server: Host, Origin and token of a request, judged before anything else looks at it. On a shared
// machine every user reaches 127.0.0.1, and any web page can open a WebSocket to it. Pure. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace napari::control {

struct GuardConfig {
  std::string token;  // empty: none is asked for
  std::string cookie_name;
  std::vector<std::string> host_names;  // lower case, without ports
  bool any_address{
      false};          // a literal IP address is a good Host too: no DNS name can be bound to it
  bool secure{false};  // TLS
};

struct GuardRequest {
  std::optional<std::string> host;  // the headers as they came
  std::optional<std::string> origin;
  std::optional<std::string> authorization;
  std::optional<std::string> cookies;
  std::optional<std::string> query_token;
  bool needs_token{true};
};

struct GuardDecision {
  int status{200};         // 200, 401 or 403
  std::string reason;      // for people
  bool set_cookie{false};  // the token came with the query: hand out the cookie
};

[[nodiscard]] GuardDecision check_request(const GuardConfig& config, const GuardRequest& request);

// Takes the same time for every wrong secret of a length.
[[nodiscard]] bool same_secret(std::string_view given, std::string_view expected);

// What the cookie holds: not the token itself.
[[nodiscard]] std::string cookie_value(std::string_view token);
[[nodiscard]] std::string set_cookie_header(const GuardConfig& config);

// The names under which a server bound to `bind_host` may be addressed.
[[nodiscard]] GuardConfig guard_for(std::string_view bind_host, std::string_view machine_name);

[[nodiscard]] bool is_loopback(std::string_view host);  // a name or address of this machine only

}  // namespace napari::control
