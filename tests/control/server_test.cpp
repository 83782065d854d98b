// The guard as a table, then over HTTP; listeners, ports and limits.
#include <fmt/format.h>

#include "control/http_guard.hpp"
#include "control/request_watch.hpp"
#include "control/service_fixture.hpp"

namespace napari::control::testing {
namespace {

struct GuardCase {
  const char* name;
  GuardRequest request;
  int status;
};

TEST(HttpGuardTest, JudgesHostOriginAndToken) {
  GuardConfig config = guard_for("127.0.0.1", "box.example");
  config.token = "secret";
  config.cookie_name = "napari_cuda_8080";
  const std::string good_cookie = "a=b; napari_cuda_8080=" + cookie_value("secret") + "; c=d";
  const std::vector<GuardCase> cases = {
      {"query token", {.host = "127.0.0.1:8080", .query_token = "secret"}, 200},
      {"localhost", {.host = "localhost:9999", .query_token = "secret"}, 200},
      {"IPv6 loopback", {.host = "[::1]:8080", .query_token = "secret"}, 200},
      {"upper case", {.host = "LocalHost", .query_token = "secret"}, 200},
      {"bearer", {.host = "localhost", .authorization = "Bearer secret"}, 200},
      {"bearer in lower case", {.host = "localhost", .authorization = "bearer secret"}, 200},
      {"cookie", {.host = "localhost", .cookies = good_cookie}, 200},
      {"open page", {.host = "localhost", .needs_token = false}, 200},
      {"own origin",
       {.host = "localhost:8080", .origin = "http://localhost:8080", .query_token = "secret"},
       200},
      {"own origin behind TLS",
       {.host = "localhost", .origin = "https://localhost", .query_token = "secret"},
       200},
      {"default port",
       {.host = "localhost", .origin = "http://localhost:80", .query_token = "secret"},
       200},
      {"nothing", {.host = "localhost"}, 401},
      {"wrong token", {.host = "localhost", .query_token = "Secret"}, 401},
      {"empty token", {.host = "localhost", .query_token = ""}, 401},
      {"prefix of the token", {.host = "localhost", .query_token = "secre"}, 401},
      {"longer than the token", {.host = "localhost", .query_token = "secretsecret"}, 401},
      {"wrong query beats a good cookie",
       {.host = "localhost", .cookies = good_cookie, .query_token = "x"},
       401},
      {"wrong bearer", {.host = "localhost", .authorization = "Bearer x"}, 401},
      {"basic", {.host = "localhost", .authorization = "Basic secret"}, 401},
      {"token as the cookie", {.host = "localhost", .cookies = "napari_cuda_8080=secret"}, 401},
      {"cookie of another port",
       {.host = "localhost", .cookies = "napari_cuda_1=" + cookie_value("secret")},
       401},
      {"no host", {.query_token = "secret"}, 403},
      {"foreign host", {.host = "evil.example", .query_token = "secret"}, 403},
      {"foreign host of an open page", {.host = "evil.example", .needs_token = false}, 403},
      {"rebound name", {.host = "localhost.evil.example", .query_token = "secret"}, 403},
      {"another address", {.host = "10.0.0.1", .query_token = "secret"}, 403},
      {"machine name on loopback", {.host = "box.example", .query_token = "secret"}, 403},
      {"broken host", {.host = "[::1", .query_token = "secret"}, 403},
      {"broken port", {.host = "localhost:80a", .query_token = "secret"}, 403},
      {"foreign origin",
       {.host = "localhost:8080", .origin = "http://evil.example", .query_token = "secret"},
       403},
      {"other port's origin",
       {.host = "localhost:8080", .origin = "http://localhost:8081", .query_token = "secret"},
       403},
      {"null origin", {.host = "localhost", .origin = "null", .query_token = "secret"}, 403},
      {"file origin", {.host = "localhost", .origin = "file://", .query_token = "secret"}, 403},
  };
  for (const auto& test : cases) {
    const auto decision = check_request(config, test.request);
    EXPECT_EQ(decision.status, test.status) << test.name << ": " << decision.reason;
    EXPECT_EQ(decision.reason.empty(), test.status == 200) << test.name;
    EXPECT_EQ(decision.set_cookie, test.status == 200 && test.request.query_token.has_value());
  }
  config.token.clear();
  EXPECT_EQ(check_request(config, {.host = "localhost"}).status, 200);
  EXPECT_EQ(check_request(config, {.host = "evil.example"}).status, 403);
}

TEST(HttpGuardTest, BeyondLoopbackAddressesAndTheMachineAreNames) {
  const GuardConfig config = guard_for("0.0.0.0", "Box.example.org");
  for (const char* host :
       {"10.1.2.3:8080", "[fe80::1]:80", "box.example.org", "box", "localhost"}) {
    EXPECT_EQ(check_request(config, {.host = host}).status, 200) << host;
  }
  EXPECT_EQ(check_request(config, {.host = "evil.example"}).status, 403);
  EXPECT_TRUE(is_loopback("127.0.0.7"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("example.org"));
}

class ServerTest : public ServiceTest {
 protected:
  void start_with_pages(const std::function<void(data::ServeConfig&)>& edit = {}) {
    data::ServeConfig config;
    config.port = 0;
    config.token = "secret";
    if (edit) edit(config);
    service_ = std::make_unique<Service>(config);
    service_->attach(runtime_);
    service_->add_page(
        "/",
        [](const PageRequest& request) {
          PageResponse page;
          page.content_type = "text/html";
          page.body = "home " + request.path + (request.query.contains("token") ? " leaked" : "");
          page.headers.emplace_back("X-Test", "1");
          return page;
        },
        PageAccess::token);
    service_->add_page(
        "/files/*", [](const PageRequest& request) { return PageResponse{.body = request.path}; },
        PageAccess::token);
    service_->add_page(
        "/healthz", [](const PageRequest&) { return PageResponse{.body = "ok"}; },
        PageAccess::open);
    const auto listening = service_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
  }
};

TEST_F(ServerTest, ServesPagesBehindTheToken) {
  start_with_pages();
  EXPECT_EQ(http_get(http_url("/")).status, 401U);
  EXPECT_EQ(http_get(http_url("/nowhere")).status, 401U) << "what exists is nobody's business";
  EXPECT_EQ(http_get(http_url("/healthz")).body, "ok");
  const auto first = http_get(http_url("/?token=secret"));
  EXPECT_EQ(first.status, 200U);
  EXPECT_EQ(first.body, "home /");
  EXPECT_NE(first.set_cookie.find("HttpOnly"), std::string::npos);
  EXPECT_NE(first.set_cookie.find("SameSite=Strict"), std::string::npos);
  EXPECT_EQ(first.set_cookie.find("secret"), std::string::npos);
  const std::string cookie = first.set_cookie.substr(0, first.set_cookie.find(';'));
  EXPECT_EQ(http_get(http_url("/"), {{"Cookie", cookie}}).status, 200U);
  EXPECT_EQ(http_get(http_url("/"), {{"Authorization", "Bearer secret"}}).status, 200U);
  EXPECT_EQ(http_get(http_url("/?token=wrong")).status, 401U);
  EXPECT_EQ(http_get(http_url("/files/a/b"), {{"Cookie", cookie}}).body, "/files/a/b");
  EXPECT_EQ(http_get(http_url("/nowhere"), {{"Cookie", cookie}}).status, 404U);
  EXPECT_EQ(http_get(http_url("/"), {{"Cookie", cookie}}, "POST").status, 405U);
  EXPECT_EQ(http_get(http_url("/ws/state"), {{"Cookie", cookie}}).status, 400U);
  EXPECT_EQ(http_get(http_url("/healthz"), {{"Origin", "http://evil.example"}}).status, 403U);
  EXPECT_EQ(http_get(http_url("/?token=secret"), {{"Host", "evil.example"}}).status, 403U);
  EXPECT_GE(service_->report().requests_denied, 5U);
}

TEST_F(ServerTest, GuardsTheWebSockets) {
  start_with_pages([](auto& config) { config.state_port = config.pixel_port = -1; });
  const std::string bare = fmt::format("ws://127.0.0.1:{}/ws/", service_->port());
  for (const char* channel : {"state", "pixels"}) {
    EXPECT_FALSE(Client(bare + channel).connected()) << channel;
    EXPECT_FALSE(Client(bare + channel + "?token=wrong").connected()) << channel;
    EXPECT_FALSE(
        Client(bare + channel + "?token=secret", {{"Origin", "http://evil.example"}}).connected());
    EXPECT_TRUE(Client(bare + channel, {{"Authorization", "Bearer secret"}}).connected());
    EXPECT_TRUE(Client(bare + channel + "?token=secret",
                       {{"Origin", fmt::format("http://127.0.0.1:{}", service_->port())}})
                    .connected());
  }
  // The desktop client has no token; a web page still may not come in.
  for (const int port : {service_->state_port(), service_->pixel_port()}) {
    const std::string url = fmt::format("ws://127.0.0.1:{}/", port);
    EXPECT_TRUE(Client(url).connected());
    EXPECT_FALSE(Client(url, {{"Origin", "http://evil.example"}}).connected());
    EXPECT_FALSE(Client(fmt::format("ws://127.0.0.1:{}/ws/state", port)).connected());
  }
}

TEST_F(ServerTest, NoTokenMeansNone) {
  start_with_pages([](auto& config) { config.no_token = true; });
  EXPECT_EQ(service_->token(), "");
  EXPECT_EQ(service_->url(), fmt::format("http://127.0.0.1:{}/", service_->port()));
  EXPECT_EQ(http_get(http_url("/")).status, 200U);
  EXPECT_EQ(http_get(http_url("/"), {{"Host", "evil.example"}}).status, 403U);
}

TEST_F(ServerTest, GeneratesATokenAndPutsItIntoTheAddress) {
  start_with_pages([](auto& config) { config.token.clear(); });
  EXPECT_EQ(service_->token().size(), 32U);
  EXPECT_NE(service_->url().find("/?token=" + service_->token()), std::string::npos);
  EXPECT_EQ(http_get(service_->url()).status, 200U);
  Service other(data::ServeConfig{});
  EXPECT_NE(other.token(), service_->token());
}

TEST_F(ServerTest, APortInUseIsNamed) {
  start_with_pages();
  data::ServeConfig config;
  config.port = service_->port();
  Service second(config);
  const auto listening = second.listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, gstx::ErrorCode::unavailable);
  EXPECT_NE(listening.error().message.find(std::to_string(service_->port())), std::string::npos)
      << listening.error().message;
}

TEST_F(ServerTest, BeyondLoopbackNeedsTlsOrASay) {
  data::ServeConfig config;
  config.port = 0;
  config.host = "0.0.0.0";
  Service service(config);
  const auto listening = service.listen();
  ASSERT_FALSE(listening);
  EXPECT_NE(listening.error().message.find("--insecure"), std::string::npos);
}

TEST_F(ServerTest, TwoOriginsAreNotNone) {
  start([](auto& config) { config.state_port = -1; });
  RawSocket socket(service_->state_port());
  socket.write(
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil\r\nOrigin: http://evil\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_TRUE(socket.wait_for("HTTP/1.1 403"));
}

TEST_F(ServerTest, OneClientTooManyIsTold) {
  start();
  std::vector<std::unique_ptr<RawSocket>> viewers;
  for (int i = 0; i < data::kSessionsMax; ++i) {
    viewers.push_back(std::make_unique<RawSocket>(service_->port()));
    viewers.back()->upgrade("/ws/pixels?token=secret");
    ASSERT_TRUE(viewers.back()->wait_for("HTTP/1.1 101")) << i;
  }
  RawSocket late(service_->port());
  late.upgrade("/ws/pixels?token=secret");
  EXPECT_TRUE(late.wait_for("HTTP/1.1 503"));
  EXPECT_TRUE(late.wait_for("256 clients"));
  EXPECT_EQ(service_->report().pixel_clients_now, data::kSessionsMax);
  viewers.pop_back();
  EXPECT_TRUE(run_until([&] { return service_->report().pixel_clients_now < data::kSessionsMax; }));
  RawSocket next(service_->port());
  next.upgrade("/ws/pixels?token=secret");
  EXPECT_TRUE(next.wait_for("HTTP/1.1 101")) << "there is room again";
}

TEST_F(ServerTest, ConnectionsThatOnlyWaitAreBounded) {
  start_with_pages();
  std::vector<std::unique_ptr<RawSocket>> idle;
  for (std::size_t i = 0; i < kRequestsWaitingMax + 5; ++i) {
    idle.push_back(std::make_unique<RawSocket>(service_->port()));
    // Accepted one by one: the kernel's queue is short.
    if (i % 8 == 7) (void)run_until([] { return g_main_context_pending(nullptr) == FALSE; }, 1);
  }
  EXPECT_TRUE(run_until([&] {
    idle.back()->read();
    return idle.back()->ended();
  }));
  idle.front()->read();
  EXPECT_FALSE(idle.front()->ended());
  idle.resize(idle.size() - 100);
  EXPECT_TRUE(run_until([&] { return http_get(http_url("/healthz")).status == 200; }));
}

TEST_F(ServerTest, AMessageThatNeverEndsIsCut) {
  start();
  RawSocket socket(service_->port());
  socket.upgrade("/ws/pixels?token=secret");
  ASSERT_TRUE(socket.wait_for("HTTP/1.1 101"));
  constexpr std::size_t kPayload = 8192;
  std::string frame = {'\x00', '\xFE', static_cast<char>(kPayload >> 8),
                       static_cast<char>(kPayload & 0xFF)};
  frame += std::string(4 + kPayload, '\0');
  socket.write(std::string("\x01\x80\0\0\0\0", 6));  // the first of many fragments
  std::size_t sent = 0;
  EXPECT_TRUE(run_until([&] {
    socket.read();
    if (sent < 4 * data::kMessageBytesMax && !socket.ended()) {
      socket.write(frame);
      sent += frame.size();
    }
    return socket.ended();
  }));
  EXPECT_GT(sent, data::kMessageBytesMax);
  EXPECT_TRUE(run_until([&] { return service_->report().pixel_clients_now == 0; }));
}

TEST_F(ServerTest, ABodyIsNotCollected) {
  start_with_pages();
  RawSocket socket(service_->port());
  socket.write("POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\nabc");
  // The rest never comes; another client is served meanwhile.
  EXPECT_EQ(http_get(http_url("/healthz")).status, 200U);
}

}  // namespace
}  // namespace napari::control::testing
