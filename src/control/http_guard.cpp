#include "control/http_guard.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <gio/gio.h>

#include "control/handlers.hpp"
#include "gstx/unique.hpp"

namespace napari::control {
namespace {

struct HostPort {
  std::string host;  // lower case, without brackets
  std::string port;  // empty: the scheme's
};

std::optional<HostPort> split_host(std::string_view text) {
  const std::string value = lower(trim(text));
  HostPort result;
  std::string_view rest(value);
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result.host = rest.substr(1, close - 1);
    rest = rest.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return std::nullopt;
  } else {
    const auto colon = rest.find(':');
    result.host = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon);
  }
  if (!rest.empty()) result.port = rest.substr(1);
  if (result.host.empty()) return std::nullopt;
  if (result.port.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return result;
}

bool host_allowed(const GuardConfig& config, const std::string& host) {
  if (config.any_address && g_hostname_is_ip_address(host.c_str()) != FALSE) return true;
  return std::find(config.host_names.begin(), config.host_names.end(), host) !=
         config.host_names.end();
}

// scheme://host[:port] of the page that asks must be this server as the browser sees it.
bool origin_matches(const std::string& origin, const HostPort& host) {
  for (const auto& [scheme, port] : {std::pair("http://", "80"), std::pair("https://", "443")}) {
    const std::string text = lower(trim(origin));
    if (!text.starts_with(scheme)) continue;
    const auto asking = split_host(std::string_view(text).substr(std::string_view(scheme).size()));
    if (!asking) return false;
    const auto port_or = [&usual = port](const std::string& given) {
      return given.empty() ? usual : given;
    };
    return asking->host == host.host && port_or(asking->port) == port_or(host.port);
  }
  return false;
}

std::optional<std::string> find_cookie(const std::string& header, const std::string& name) {
  std::size_t at = 0;
  while (at < header.size()) {
    auto end = header.find(';', at);
    if (end == std::string::npos) end = header.size();
    const std::string pair = trim(std::string_view(header).substr(at, end - at));
    if (pair.starts_with(name + "=")) return pair.substr(name.size() + 1);
    at = end + 1;
  }
  return std::nullopt;
}

GuardDecision check_token(const GuardConfig& config, const GuardRequest& request) {
  if (request.query_token) {
    if (same_secret(*request.query_token, config.token)) return {.set_cookie = true};
    return {401, "the token in the address is wrong", false};
  }
  if (request.authorization) {
    constexpr std::string_view kBearer = "bearer ";
    if (lower(*request.authorization).starts_with(kBearer) &&
        same_secret(trim(std::string_view(*request.authorization).substr(kBearer.size())),
                    config.token)) {
      return {};
    }
    return {401, "the token in the Authorization header is wrong", false};
  }
  if (request.cookies) {
    const auto cookie = find_cookie(*request.cookies, config.cookie_name);
    if (cookie && same_secret(*cookie, cookie_value(config.token))) return {};
  }
  return {401, "a token is needed: open the address that the server printed", false};
}

}  // namespace

bool same_secret(std::string_view given, std::string_view expected) {
  if (expected.empty()) return false;
  unsigned difference = given.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^
                  static_cast<unsigned>(static_cast<unsigned char>(expected[i % expected.size()]));
  }
  return difference == 0;
}

std::string cookie_value(std::string_view token) {
  const gstx::UniqueString digest(g_compute_checksum_for_data(
      G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(token.data()), token.size()));
  return digest.get();
}

std::string set_cookie_header(const GuardConfig& config) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict{}", config.cookie_name,
                     cookie_value(config.token), config.secure ? "; Secure" : "");
}

bool is_loopback(std::string_view host) {
  const std::string name = lower(host);
  if (name == "localhost") return true;
  GInetAddress* address = g_inet_address_new_from_string(name.c_str());
  if (address == nullptr) return false;
  const bool loopback = g_inet_address_get_is_loopback(address) != FALSE;
  g_object_unref(address);
  return loopback;
}

GuardConfig guard_for(std::string_view bind_host, std::string_view machine_name) {
  GuardConfig config;
  config.host_names = {"localhost", "127.0.0.1", "::1", lower(bind_host)};
  if (!is_loopback(bind_host)) {
    config.any_address = true;
    const std::string machine = lower(machine_name);
    config.host_names.push_back(machine);
    config.host_names.push_back(machine.substr(0, machine.find('.')));
  }
  return config;
}

GuardDecision check_request(const GuardConfig& config, const GuardRequest& request) {
  const auto host = request.host ? split_host(*request.host) : std::nullopt;
  if (!host) return {403, "the request has no valid Host header", false};
  if (!host_allowed(config, host->host)) {
    return {403, fmt::format("Host '{}' is not a name of this server", host->host), false};
  }
  if (request.origin && !origin_matches(*request.origin, *host)) {
    return {403, fmt::format("a page of '{}' may not speak to this server", *request.origin),
            false};
  }
  if (config.token.empty() || !request.needs_token) return {};
  return check_token(config, request);
}

}  // namespace napari::control
