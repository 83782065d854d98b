// A service on a free port with a fake runtime behind it, and clients of it over libsoup, all in the test's own thread: every
// wait iterates the main loop with a deadline.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "control/json.hpp"
#include "control/service.hpp"
#include "fakes/blocking_source.hpp"
#include "fakes/fake_runtime.hpp"

namespace napari::control::testing {

// Iterates the main loop until `condition` holds; false after `limit_s`.
[[nodiscard]] bool run_until(const std::function<bool()>& condition, double limit_s = 8);

struct HttpAnswer {
  unsigned status{0};
  std::string body;
  std::string set_cookie;
};

struct Header {
  const char* name;
  std::string value;
};

HttpAnswer http_get(const std::string& url, const std::vector<Header>& headers = {},
                    const char* method = "GET");

// A WebSocket client; keeps everything it gets.
class Client {
 public:
  explicit Client(const std::string& url, const std::vector<Header>& headers = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  [[nodiscard]] const std::string& connect_error() const { return connect_error_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] int close_code() const { return close_code_; }
  [[nodiscard]] bool has_extensions() const;

  void send(const std::string& text);
  void send_binary(const std::string& bytes);
  void close(unsigned short code);

  // Messages in the order of arrival.
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] const std::vector<std::string>& binaries() const { return binaries_; }

  // The next text message behind the last one taken whose `type` matches ("" any); earlier ones are skipped.
  [[nodiscard]] std::optional<std::string> next(const std::string& type, double limit_s = 8);
  [[nodiscard]] bool wait_closed(double limit_s = 8);

  // Hello, welcome and the whole baseline.
  void handshake();
  [[nodiscard]] const std::string& session_id() const { return session_id_; }

  // A state.update; returns the ack's payload.
  [[nodiscard]] std::string intend(const std::string& scope, const std::string& target,
                                   const std::string& key, const std::string& value_json);
  // A call.command; returns the whole reply or error.
  [[nodiscard]] std::string call(const std::string& command, const std::string& kwargs_json);
  [[nodiscard]] std::string last_intent_id() const { return last_intent_id_; }

 private:
  SoupSession* session_;
  SoupWebsocketConnection* connection_{nullptr};
  std::string connect_error_;
  std::string session_id_;
  std::string last_intent_id_;
  std::vector<std::string> texts_;
  std::vector<std::string> binaries_;
  std::size_t taken_{0};
  int counter_{0};
  bool closed_{false};
  int close_code_{0};
};

// A bare TCP client on loopback that reads only when told to.
class RawSocket {
 public:
  explicit RawSocket(int port, int receive_buffer_bytes = 0);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  void write(const std::string& bytes);
  void upgrade(const std::string& path);
  std::size_t read();  // what is there now; 0 also at the end
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  // Reads until `bytes` have come.
  [[nodiscard]] bool wait_for(const std::string& bytes, double limit_s = 8);

 private:
  int socket_;
  bool ended_{false};
  std::string received_;
};

[[nodiscard]] std::string hello_text();

// The member at a path like "payload.error.code" as JSON text; "" where there is none.
[[nodiscard]] std::string at(const std::string& json, const std::string& path);
// Equal as JSON, integers and floats told apart.
[[nodiscard]] bool same_json(const std::string& a, const std::string& b);

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest();

  // Starts the service; `edit` changes the configuration before.
  void start(const std::function<void(data::ServeConfig&)>& edit = {});
  void load();  // opens a 3-D data set of two levels, z y x = 20 40 60
  // Ends as the application does.
  void TearDown() override;

  [[nodiscard]] std::string state_url() const;   // web tier
  [[nodiscard]] std::string pixels_url() const;  // web tier
  [[nodiscard]] std::string http_url(const std::string& path) const;
  [[nodiscard]] std::unique_ptr<Client> join();  // a state client with its baseline

  fakes::FakeRuntime runtime_;
  std::shared_ptr<fakes::BlockingSource> image_;
  std::unique_ptr<Service> service_;
  runtime::RuntimeEvents events_;
};

}  // namespace napari::control::testing
