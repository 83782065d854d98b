#include "control/server.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "control/envelope.hpp"
#include "control/version.hpp"
#include "gstx/gerror.hpp"
#include "gstx/unique.hpp"

namespace napari::control {
namespace {

constexpr int kDefaultPort = 8080;
constexpr int kPortsTried = 20;
constexpr int kNapariStatePort = 8081;
constexpr int kNapariPixelPort = 8082;
constexpr std::size_t kTokenBytes = 16;

std::optional<std::string> header(SoupServerMessage* message, const char* name) {
  const char* value =
      soup_message_headers_get_one(soup_server_message_get_request_headers(message), name);
  // Twice the same is as good as none: what a proxy would take may not be what we take.
  const char* all =
      soup_message_headers_get_list(soup_server_message_get_request_headers(message), name);
  if (value == nullptr || all == nullptr || std::string_view(value) != all) return std::nullopt;
  return value;
}

bool has_header(SoupServerMessage* message, const char* name) {
  return soup_message_headers_get_one(soup_server_message_get_request_headers(message), name) !=
         nullptr;
}

std::map<std::string, std::string> query_of(SoupServerMessage* message) {
  std::map<std::string, std::string> query;
  const char* text = g_uri_get_query(soup_server_message_get_uri(message));
  if (text == nullptr) return query;
  GHashTable* table = soup_form_decode(text);
  GHashTableIter iterator;
  gpointer key = nullptr;
  gpointer value = nullptr;
  g_hash_table_iter_init(&iterator, table);
  while (g_hash_table_iter_next(&iterator, &key, &value) != FALSE) {
    query[static_cast<const char*>(key)] = static_cast<const char*>(value);
  }
  g_hash_table_destroy(table);
  return query;
}

std::string machine_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

bool is_peer_loopback(SoupServerMessage* message) {
  const char* host = soup_server_message_get_remote_host(message);
  return host != nullptr && is_loopback(host);
}

gstx::Result<GSocketAddress*> resolve(const std::string& host, int port) {
  const auto wire_port = static_cast<guint16>(port);
  if (GSocketAddress* address = g_inet_socket_address_new_from_string(host.c_str(), wire_port)) {
    return address;
  }
  GError* error = nullptr;
  GResolver* resolver = g_resolver_get_default();
  GList* found = g_resolver_lookup_by_name(resolver, host.c_str(), nullptr, &error);
  g_object_unref(resolver);
  if (found == nullptr) {
    const gstx::UniqueError owned(error);
    return gstx::fail(gstx::ErrorCode::invalid_argument,
                      fmt::format("host '{}' has no address: {}", host, owned->message));
  }
  GSocketAddress* address = g_inet_socket_address_new(G_INET_ADDRESS(found->data), wire_port);
  g_resolver_free_addresses(found);
  return address;
}

void respond(SoupServerMessage* message, int status, const std::string& type,
             const std::string& body) {
  soup_server_message_set_status(message, static_cast<guint>(status), nullptr);
  soup_server_message_set_response(message, type.c_str(), SOUP_MEMORY_COPY, body.data(),
                                   body.size());
}

}  // namespace

Server::Server(const data::ServeConfig& config, Events events, ServiceReport& counters)
    : config_(config), events_(std::move(events)), counters_(counters) {
  if (!config.no_token) token_ = config.token.empty() ? random_hex(kTokenBytes) : config.token;
}

Server::~Server() { stop(); }

void Server::add_page(std::string path, Page page, PageAccess access) {
  pages_by_path_[std::move(path)] = {std::move(page), access};
}

gstx::Result<void> Server::check_exposure() const {
  if (is_loopback(config_.host) || config_.insecure || !config_.tls_cert.empty()) return {};
  return gstx::fail(gstx::ErrorCode::invalid_argument,
                    fmt::format("--host {} is reachable from elsewhere: give --tls-cert and "
                                "--tls-key, or --insecure to serve it in the clear",
                                config_.host));
}

gstx::Result<void> Server::start(Listener& listener, const std::string& host, int port) {
  GSTX_ASSIGN_OR_RETURN(GSocketAddress * resolved, resolve(host, port));
  const auto address = gstx::Ref<GObject>::adopt(G_OBJECT(resolved));
  auto soup = gstx::Ref<SoupServer>::adopt(
      soup_server_new("server-header", std::string(kServerName).c_str(), nullptr));
  int options = 0;
  GError* error = nullptr;
  if (!config_.tls_cert.empty() && listener.role == Role::pages) {
    const std::string& key = config_.tls_key.empty() ? config_.tls_cert : config_.tls_key;
    GTlsCertificate* certificate =
        g_tls_certificate_new_from_files(config_.tls_cert.c_str(), key.c_str(), &error);
    if (certificate == nullptr) return gstx::take_gerror(error);
    soup_server_set_tls_certificate(soup.get(), certificate);
    g_object_unref(certificate);
    options |= SOUP_SERVER_LISTEN_HTTPS;
  }
  if (soup_server_listen(soup.get(), G_SOCKET_ADDRESS(address.get()),
                         static_cast<SoupServerListenOptions>(options), &error) == FALSE) {
    const gstx::UniqueError owned(error);
    return gstx::fail(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE) != FALSE
                          ? gstx::ErrorCode::unavailable
                          : gstx::ErrorCode::invalid_argument,
                      fmt::format("cannot listen on {} port {}: {}", host, port, owned->message));
  }
  GSList* uris = soup_server_get_uris(soup.get());
  g_assert(uris != nullptr);
  listener.port = g_uri_get_port(static_cast<GUri*>(uris->data));
  g_slist_free_full(uris, [](gpointer uri) noexcept { g_uri_unref(static_cast<GUri*>(uri)); });
  listener.server = this;
  listener.guard = guard_for(host, machine_name());
  listener.guard.secure = (options & SOUP_SERVER_LISTEN_HTTPS) != 0;
  if (listener.role == Role::pages) listener.guard.token = token_;
  listener.guard.cookie_name = fmt::format("napari_cuda_{}", listener.port);
  watch_.watch(soup.get());
  soup_server_add_early_handler(
      soup.get(), nullptr,
      [](SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
         gpointer self) noexcept {
        auto* from = static_cast<Listener*>(self);
        from->server->judge(*from, message, path);
      },
      &listener, nullptr);
  soup_server_add_handler(
      soup.get(), nullptr,
      [](SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
         gpointer self) noexcept {
        auto* from = static_cast<Listener*>(self);
        from->server->handle(*from, message, path);
      },
      &listener, nullptr);
  listener.soup = std::move(soup);
  return {};
}

gstx::Result<void> Server::start_pages() {
  if (config_.port) return start(pages_, config_.host, *config_.port);
  gstx::Result<void> tried;
  for (int port = kDefaultPort; port < kDefaultPort + kPortsTried; ++port) {
    tried = start(pages_, config_.host, port);
    if (tried || tried.error().code != gstx::ErrorCode::unavailable) return tried;
  }
  return gstx::fail(gstx::ErrorCode::unavailable,
                    fmt::format("ports {} to {} of {} are in use: give --port", kDefaultPort,
                                kDefaultPort + kPortsTried - 1, config_.host));
}

gstx::Result<void> Server::listen() {
  GSTX_TRY(check_exposure());
  state_.role = Role::state;
  pixels_.role = Role::pixels;
  const auto port_of = [&](const std::optional<int>& configured, int usual) {
    return configured.value_or(config_.napari ? usual : 0);
  };
  const int state_port = port_of(config_.state_port, kNapariStatePort);
  const int pixel_port = port_of(config_.pixel_port, kNapariPixelPort);
  GSTX_TRY(start_pages());
  if (state_port != 0) {
    GSTX_TRY(start(state_, napari_host(), state_port == kAnyPort ? 0 : state_port));
  }
  if (pixel_port != 0) {
    GSTX_TRY(start(pixels_, napari_host(), pixel_port == kAnyPort ? 0 : pixel_port));
  }
  return {};
}

void Server::stop() {
  for (Listener* listener : {&pages_, &state_, &pixels_}) {
    if (listener->soup) soup_server_disconnect(listener->soup.get());
    listener->soup.reset();
  }
}

// That client cannot authenticate: beyond loopback only where the user says so.
std::string Server::napari_host() const {
  return is_loopback(config_.host) || config_.insecure ? config_.host : "127.0.0.1";
}

std::string Server::url() const {
  std::string host = config_.host;
  if (host == "0.0.0.0" || host == "::") host = machine_name();
  if (host.find(':') != std::string::npos) host = fmt::format("[{}]", host);
  std::string url =
      fmt::format("{}://{}:{}/", pages_.guard.secure ? "https" : "http", host, pages_.port);
  if (!token_.empty()) {
    const gstx::UniqueString escaped(g_uri_escape_string(token_.c_str(), nullptr, FALSE));
    url += fmt::format("?token={}", escaped.get());
  }
  return url;
}

const Server::PageEntry* Server::find_page(const std::string& path) const {
  if (const auto exact = pages_by_path_.find(path); exact != pages_by_path_.end()) {
    return &exact->second;
  }
  const PageEntry* best = nullptr;
  std::size_t length = 0;
  for (const auto& [pattern, entry] : pages_by_path_) {
    if (!pattern.ends_with('*') || pattern.size() <= length) continue;
    if (path.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))) {
      best = &entry;
      length = pattern.size();
    }
  }
  return best;
}

bool Server::needs_token(const Listener& listener, const std::string& path) const {
  if (listener.role != Role::pages) return false;
  const PageEntry* page = find_page(path);
  return page == nullptr || page->access == PageAccess::token;
}

void Server::deny(SoupServerMessage* message, int status, const std::string& reason) {
  ++counters_.requests_denied;
  respond(message, status, "text/plain; charset=utf-8", reason + "\n");
  auto* headers = soup_server_message_get_response_headers(message);
  // WebSocket clients wait for the end of a connection that was refused.
  soup_message_headers_replace(headers, "Connection", "close");
  if (status == 401) soup_message_headers_replace(headers, "WWW-Authenticate", "Bearer");
}

// Runs when the headers are in, before a body could be.
void Server::judge(Listener& listener, SoupServerMessage* message, const char* path) {
  soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
  auto query = query_of(message);
  GuardRequest request;
  request.host = header(message, "Host");
  // Without an Origin it is no page that asks; a doubled one must not look like none.
  request.origin = header(message, "Origin");
  if (!request.origin && has_header(message, "Origin")) request.origin = "null";
  request.authorization = header(message, "Authorization");
  request.cookies = header(message, "Cookie");
  if (const auto token = query.find("token"); token != query.end()) {
    request.query_token = token->second;
  }
  request.needs_token = needs_token(listener, path);
  const GuardDecision decision = check_request(listener.guard, request);
  if (decision.status != 200) {
    deny(message, decision.status, decision.reason);
    return;
  }
  const std::string_view method = soup_server_message_get_method(message);
  if (method != "GET" && method != "HEAD") {
    respond(message, 405, "text/plain; charset=utf-8", "only GET and HEAD\n");
    return;
  }
  auto* headers = soup_server_message_get_response_headers(message);
  if (decision.set_cookie) {
    soup_message_headers_replace(headers, "Set-Cookie", set_cookie_header(listener.guard).c_str());
  }
  soup_message_headers_replace(headers, "Referrer-Policy", "no-referrer");
  soup_message_headers_replace(headers, "X-Content-Type-Options", "nosniff");
}

void Server::handle(Listener& listener, SoupServerMessage* message, const char* path) {
  const std::string_view where(path);
  if (listener.role != Role::pages) {
    const Channel channel = listener.role == Role::state ? Channel::state : Channel::pixels;
    if (where == "/") return upgrade(message, channel, runtime::Tier::napari);
  } else if (where == "/ws/state") {
    return upgrade(message, Channel::state, runtime::Tier::web);
  } else if (where == "/ws/pixels") {
    return upgrade(message, Channel::pixels, runtime::Tier::web);
  } else if (const PageEntry* entry = find_page(path)) {
    return serve_page(message, *entry, path);
  }
  respond(message, 404, "text/plain; charset=utf-8", fmt::format("no page '{}'\n", where));
}

void Server::upgrade(SoupServerMessage* message, Channel channel, runtime::Tier tier) {
  if (!events_.has_room(channel)) {
    deny(message, 503, fmt::format("{} clients are connected, no more fit", data::kSessionsMax));
    return;
  }
  // No extension is offered, so that permessage-deflate is declined.
  if (soup_websocket_server_process_handshake(message, nullptr, nullptr, nullptr, nullptr) ==
      FALSE) {
    soup_message_body_truncate(soup_server_message_get_response_body(message));
    respond(message, 400, "text/plain; charset=utf-8", "this address speaks WebSocket only\n");
    return;
  }
  struct Upgrade {
    Server* server;
    Channel channel;
    runtime::Tier tier;
  };
  // The answer is on the wire: only now may the connection be taken.
  g_signal_connect_data(
      message, "wrote-informational",
      G_CALLBACK(+[](SoupServerMessage* upgraded, gpointer data) noexcept {
        const auto* to = static_cast<const Upgrade*>(data);
        const auto kept = gstx::Ref<GObject>::retain(G_OBJECT(upgraded));
        to->server->events_.on_socket(upgraded, to->channel, to->tier);
      }),
      new Upgrade{this, channel, tier},
      [](gpointer data, GClosure*) noexcept { delete static_cast<Upgrade*>(data); },
      static_cast<GConnectFlags>(0));
}

void Server::serve_page(SoupServerMessage* message, const PageEntry& entry, const char* path) {
  PageRequest request;
  request.path = path;
  request.method = soup_server_message_get_method(message);
  request.query = query_of(message);
  request.query.erase("token");
  request.host = header(message, "Host").value_or("");
  request.loopback = is_peer_loopback(message);
  const PageResponse response = entry.page(request);
  respond(message, response.status, response.content_type, response.body);
  auto* headers = soup_server_message_get_response_headers(message);
  soup_message_headers_replace(headers, "Cache-Control", "no-store");
  for (const auto& [name, value] : response.headers) {
    soup_message_headers_replace(headers, name.c_str(), value.c_str());
  }
}

}  // namespace napari::control
