#include "control/service_fixture.hpp"

#include <cerrno>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fakes/patience.hpp"

namespace napari::control::testing {
namespace {

std::string text_of(GBytes* bytes) {
  gsize size = 0;
  const auto* data = static_cast<const char*>(g_bytes_get_data(bytes, &size));
  return {data, size};
}

SoupMessage* make_message(const char* method, const std::string& url,
                          const std::vector<Header>& headers) {
  SoupMessage* message = soup_message_new(method, url.c_str());
  g_assert(message != nullptr);
  for (const auto& header : headers) {
    soup_message_headers_replace(soup_message_get_request_headers(message), header.name,
                                 header.value.c_str());
  }
  return message;
}

std::string json_text(JsonNode* node) {
  char* text = json_to_string(node, FALSE);
  std::string result = text;
  g_free(text);
  return result;
}

JsonNode* parse(const std::string& text) {
  GError* error = nullptr;
  JsonNode* node = json_from_string(text.c_str(), &error);
  EXPECT_EQ(error, nullptr) << text;
  return node;
}

}  // namespace

bool run_until(const std::function<bool()>& condition, double limit_s) {
  const gint64 deadline =
      g_get_monotonic_time() + static_cast<gint64>(limit_s * fakes::patience() * 1e6);
  // Wakes the loop so that the deadline is looked at.
  const guint ticker = g_timeout_add(
      20, [](gpointer) noexcept -> gboolean { return G_SOURCE_CONTINUE; }, nullptr);
  bool held = condition();
  while (!held && g_get_monotonic_time() < deadline) {
    g_main_context_iteration(nullptr, TRUE);
    held = condition();
  }
  g_source_remove(ticker);
  return held;
}

HttpAnswer http_get(const std::string& url, const std::vector<Header>& headers,
                    const char* method) {
  SoupSession* session = soup_session_new();
  SoupMessage* message = make_message(method, url, headers);
  struct Pending {
    HttpAnswer answer;
    bool done{false};
  } pending;
  soup_session_send_and_read_async(
      session, message, G_PRIORITY_DEFAULT, nullptr,
      [](GObject* source, GAsyncResult* result, gpointer data) noexcept {
        auto* waiting = static_cast<Pending*>(data);
        GBytes* body = soup_session_send_and_read_finish(SOUP_SESSION(source), result, nullptr);
        if (body != nullptr) {
          waiting->answer.body = text_of(body);
          g_bytes_unref(body);
        }
        waiting->done = true;
      },
      &pending);
  EXPECT_TRUE(run_until([&] { return pending.done; }));
  pending.answer.status = soup_message_get_status(message);
  const char* cookie =
      soup_message_headers_get_one(soup_message_get_response_headers(message), "Set-Cookie");
  pending.answer.set_cookie = cookie == nullptr ? "" : cookie;
  g_object_unref(message);
  g_object_unref(session);
  return pending.answer;
}

Client::Client(const std::string& url, const std::vector<Header>& headers)
    : session_(soup_session_new()) {
  SoupMessage* message = make_message("GET", url, headers);
  bool done = false;
  struct Pending {
    Client* client;
    bool* done;
  } pending{this, &done};
  soup_session_websocket_connect_async(
      session_, message, nullptr, nullptr, G_PRIORITY_DEFAULT, nullptr,
      [](GObject* source, GAsyncResult* result, gpointer data) noexcept {
        const auto* waiting = static_cast<Pending*>(data);
        GError* error = nullptr;
        waiting->client->connection_ =
            soup_session_websocket_connect_finish(SOUP_SESSION(source), result, &error);
        if (error != nullptr) waiting->client->connect_error_ = error->message;
        g_clear_error(&error);
        *waiting->done = true;
        SoupWebsocketConnection* connection = waiting->client->connection_;
        if (connection == nullptr) return;
        soup_websocket_connection_set_max_incoming_payload_size(connection, 0);
        g_signal_connect(connection, "message",
                         G_CALLBACK(+[](SoupWebsocketConnection*, gint type, GBytes* bytes,
                                        gpointer self) noexcept {
                           auto* client = static_cast<Client*>(self);
                           auto& all = type == SOUP_WEBSOCKET_DATA_TEXT ? client->texts_
                                                                        : client->binaries_;
                           all.push_back(text_of(bytes));
                         }),
                         waiting->client);
        g_signal_connect(connection, "closed",
                         G_CALLBACK(+[](SoupWebsocketConnection* closed, gpointer self) noexcept {
                           auto* client = static_cast<Client*>(self);
                           client->closed_ = true;
                           client->close_code_ = soup_websocket_connection_get_close_code(closed);
                         }),
                         waiting->client);
      },
      &pending);
  EXPECT_TRUE(run_until([&] { return done; }));
  g_object_unref(message);
}

Client::~Client() {
  if (connection_ != nullptr) {
    g_signal_handlers_disconnect_by_data(connection_, this);
    g_object_unref(connection_);
  }
  soup_session_abort(session_);
  g_object_unref(session_);
}

bool Client::has_extensions() const {
  return soup_websocket_connection_get_extensions(connection_) != nullptr;
}

void Client::send(const std::string& text) {
  soup_websocket_connection_send_text(connection_, text.c_str());
}

void Client::send_binary(const std::string& bytes) {
  soup_websocket_connection_send_binary(connection_, bytes.data(), bytes.size());
}

void Client::close(unsigned short code) {
  soup_websocket_connection_close(connection_, code, nullptr);
}

std::optional<std::string> Client::next(const std::string& type, double limit_s) {
  std::optional<std::string> found;
  const std::string wanted = fmt::format("\"{}\"", type);
  (void)run_until(
      [&] {
        while (!found && taken_ < texts_.size()) {
          const std::string& text = texts_[taken_++];
          if (type.empty() || at(text, "type") == wanted) found = text;
        }
        return found.has_value() || closed_;
      },
      limit_s);
  return found;
}

bool Client::wait_closed(double limit_s) {
  return run_until([&] { return closed_; }, limit_s);
}

RawSocket::RawSocket(int port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer_bytes > 0) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  fcntl(socket_, F_SETFL, O_NONBLOCK);
}

RawSocket::~RawSocket() { ::close(socket_); }

void RawSocket::write(const std::string& bytes) {
  EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

void RawSocket::upgrade(const std::string& path) {
  write("GET " + path +
        " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
}

std::size_t RawSocket::read() {
  char buffer[65536];
  const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
  if (got > 0) received_.append(buffer, static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN)) ended_ = true;
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool RawSocket::wait_for(const std::string& bytes, double limit_s) {
  return run_until(
      [&] {
        while (read() > 0) {
        }
        return received_.find(bytes) != std::string::npos;
      },
      limit_s);
}

std::string hello_text() {
  return R"({"type":"session.hello","version":2,"frame_id":"hello-1","timestamp":1.5,"payload":{"protocols":[2],)"
         R"("client":{"name":"t","version":"1","platform":"p"},"features":{"notify.scene":true,"notify.layers":true,)"
         R"("notify.stream":true,"notify.dims":true,"notify.camera":true},"resume_tokens":{"notify.scene":null}}})";
}

void Client::handshake() {
  ASSERT_TRUE(connected()) << connect_error_;
  send(hello_text());
  const auto welcome = next("session.welcome");
  ASSERT_TRUE(welcome);
  ASSERT_EQ(texts_.size() > 0 ? texts_[0] : "", *welcome) << "the welcome comes first";
  const std::string id = at(*welcome, "payload.session.id");
  session_id_ = id.substr(1, id.size() - 2);
  const auto scene = next("notify.scene");
  ASSERT_TRUE(scene);
  ASSERT_TRUE(next("notify.dims"));
  if (at(*scene, "payload.layers") != "[]") {
    ASSERT_TRUE(next("notify.layers"));
  }
}

std::string Client::intend(const std::string& scope, const std::string& target,
                           const std::string& key, const std::string& value_json) {
  ++counter_;
  last_intent_id_ = fmt::format("intent-{:08}", counter_);
  send(fmt::format(
      R"({{"type":"state.update","version":2,"session":"{}","frame_id":"state-{:08}","timestamp":1.0,)"
      R"("intent_id":"{}","payload":{{"scope":"{}","target":"{}","key":"{}","value":{}}}}})",
      session_id_, counter_, last_intent_id_, scope, target, key, value_json));
  const auto ack = next("ack.state");
  EXPECT_TRUE(ack) << "no ack for " << scope << "." << key << " " << value_json;
  if (!ack) return "{}";
  EXPECT_EQ(at(*ack, "payload.in_reply_to"), fmt::format("\"state-{:08}\"", counter_));
  EXPECT_EQ(at(*ack, "payload.intent_id"), fmt::format("\"{}\"", last_intent_id_));
  EXPECT_EQ(at(*ack, "session"), fmt::format("\"{}\"", session_id_));
  return at(*ack, "payload");
}

std::string Client::call(const std::string& command, const std::string& kwargs_json) {
  ++counter_;
  send(fmt::format(
      R"({{"type":"call.command","version":2,"session":"{}","frame_id":"cmd-{}","timestamp":1.0,"payload":{{"command":"{}","kwargs":{}}}}})",
      session_id_, counter_, command, kwargs_json));
  std::string reply;
  const std::string wanted = fmt::format("\"cmd-{}\"", counter_);
  EXPECT_TRUE(run_until([&] {
    for (const auto& text : texts_) {
      if (at(text, "payload.in_reply_to") == wanted) reply = text;
    }
    return !reply.empty();
  })) << "no reply to "
      << command;
  return reply;
}

std::string at(const std::string& json, const std::string& path) {
  JsonNode* root = parse(json);
  if (root == nullptr) return "";
  JsonNode* node = root;
  std::size_t begin = 0;
  while (node != nullptr && begin <= path.size()) {
    auto end = path.find('.', begin);
    if (end == std::string::npos) end = path.size();
    const std::string name = path.substr(begin, end - begin);
    if (JSON_NODE_HOLDS_ARRAY(node)) {
      JsonArray* array = json_node_get_array(node);
      const auto index = static_cast<guint>(std::stoul(name));
      node = index < json_array_get_length(array) ? json_array_get_element(array, index) : nullptr;
    } else {
      node = JSON_NODE_HOLDS_OBJECT(node)
                 ? json_object_get_member(json_node_get_object(node), name.c_str())
                 : nullptr;
    }
    begin = end + 1;
  }
  const std::string result = node == nullptr ? "" : json_text(node);
  json_node_unref(root);
  return result;
}

bool same_json(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a == b;
  JsonNode* left = parse(a);
  JsonNode* right = parse(b);
  const bool same = json_node_equal(left, right) != FALSE;
  json_node_unref(left);
  json_node_unref(right);
  return same;
}

ServiceTest::ServiceTest()
    : image_(
          std::make_shared<fakes::BlockingSource>(std::vector<std::int64_t>{20, 40, 60}, 16, 2)) {
  runtime_.home = {.plane = {.center = {29.5, 19.5}, .zoom = 4},
                   .volume = {.center = {29.5, 19.5, 9.5}, .angles = {30, 30, 0}, .distance = 80}};
  runtime_.on_open = [this](const std::string& path) -> gstx::Result<scene::OpenedImage> {
    if (path.find("missing") != std::string::npos) {
      return gstx::fail(gstx::ErrorCode::not_found, "'" + path + "' does not exist");
    }
    if (path.find("corrupt") != std::string::npos) {
      return gstx::fail(gstx::ErrorCode::invalid_argument, "'" + path + "/.zarray' is truncated");
    }
    return scene::OpenedImage{
        .source = image_, .contrast_limits = {10, 200}, .contrast_range = {0, 255}};
  };
}

void ServiceTest::start(const std::function<void(data::ServeConfig&)>& edit) {
  data::ServeConfig config;
  config.port = 0;
  config.token = "secret";
  if (edit) edit(config);
  service_ = std::make_unique<Service>(config);
  events_ = service_->events();
  service_->attach(runtime_);
  const auto listening = service_->listen();
  ASSERT_TRUE(listening) << listening.error().message;
}

void ServiceTest::load() {
  bool done = false;
  service_->open_initial("/synthetic", [&](gstx::Result<void> opened) {
    EXPECT_TRUE(opened);
    done = true;
  });
  ASSERT_TRUE(run_until([&] { return done; }));
}

void ServiceTest::TearDown() {
  if (service_ == nullptr) return;
  bool done = false;
  service_->drain([&] { done = true; });
  EXPECT_TRUE(run_until([&] { return done; }));
}

std::string ServiceTest::state_url() const {
  return fmt::format("ws://127.0.0.1:{}/ws/state?token=secret", service_->port());
}

std::string ServiceTest::pixels_url() const {
  return fmt::format("ws://127.0.0.1:{}/ws/pixels?token=secret", service_->port());
}

std::string ServiceTest::http_url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}{}", service_->port(), path);
}

std::unique_ptr<Client> ServiceTest::join() {
  auto client = std::make_unique<Client>(state_url());
  client->handshake();
  return client;
}

}  // namespace napari::control::testing
