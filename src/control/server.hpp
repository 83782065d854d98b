// The listeners: pages and both channels on one port, and the two ports where the napari desktop client expects its
// channels. Every request passes the guard first. Knows no message. Threads: [main]. Owns: the SoupServers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <libsoup/soup.h>

#include "control/http_guard.hpp"
#include "control/request_watch.hpp"
#include "control/service.hpp"
#include "data/config.hpp"
#include "gstx/ref.hpp"
#include "gstx/result.hpp"
#include "runtime/interface.hpp"

namespace gstx {
template <>
struct RefTraits<SoupServer> : GObjectRefTraits {};
}  // namespace gstx

namespace napari::control {

// In a port of the configuration: any free one (tests).
inline constexpr int kAnyPort = -1;

class Server {
 public:
  enum class Channel { state, pixels };
  struct Events {
    std::function<bool(Channel)> has_room;  // for one more client
    // The request was upgraded; WebSocket's constructor takes its connection.
    std::function<void(SoupServerMessage*, Channel, runtime::Tier)> on_socket;
  };

  Server(const data::ServeConfig& config, Events events, ServiceReport& counters);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void add_page(std::string path, Page page, PageAccess access);
  [[nodiscard]] gstx::Result<void> listen();
  void stop();  // takes no new connection

  [[nodiscard]] int port() const { return pages_.port; }
  [[nodiscard]] int state_port() const { return state_.port; }
  [[nodiscard]] int pixel_port() const { return pixels_.port; }
  [[nodiscard]] std::string napari_host() const;  // where the two others listen
  [[nodiscard]] std::string url() const;
  [[nodiscard]] const std::string& token() const { return token_; }

 private:
  enum class Role { pages, state, pixels };
  struct Listener {
    Server* server{nullptr};
    Role role{Role::pages};
    gstx::Ref<SoupServer> soup;
    GuardConfig guard;
    int port{0};
  };
  struct PageEntry {
    Page page;
    PageAccess access{PageAccess::token};
  };

  gstx::Result<void> check_exposure() const;
  gstx::Result<void> start(Listener& listener, const std::string& host, int port);
  gstx::Result<void> start_pages();
  void judge(Listener& listener, SoupServerMessage* message, const char* path);
  void handle(Listener& listener, SoupServerMessage* message, const char* path);
  void upgrade(SoupServerMessage* message, Channel channel, runtime::Tier tier);
  void serve_page(SoupServerMessage* message, const PageEntry& entry, const char* path);
  void deny(SoupServerMessage* message, int status, const std::string& reason);
  [[nodiscard]] const PageEntry* find_page(const std::string& path) const;
  [[nodiscard]] bool needs_token(const Listener& listener, const std::string& path) const;

  const data::ServeConfig& config_;
  Events events_;
  ServiceReport& counters_;
  std::string token_;
  std::map<std::string, PageEntry> pages_by_path_;
  RequestWatch watch_;
  Listener pages_, state_, pixels_;
};

}  // namespace napari::control
