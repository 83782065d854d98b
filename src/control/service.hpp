// The wire and the authority as the composition root uses them: sessions, ledger, pixel fan-out and
// HTTP pages behind one object. Does not own the runtime and opens no data set by itself. Threads:
// everything is [main], callbacks too; the default GMainContext must be iterated. Owns: listeners,
// sockets, the ledger.
//
//   Service service(config);                // 1 binds the calling thread as main
//   make_runtime(..., service.events());
//   service.attach(*runtime);               // 2 the runtime outlives the service's drain
//   service.add_page("/", page, PageAccess::token);
//   service.open_initial(path, done);       // 3 optional; `done` runs on main
//   service.listen();                       // 4 the error says what to change
//   service.drain(done);                    // 5 goodbye, close code 1011; `done` within 1 s
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/service_report.hpp"
#include "data/config.hpp"
#include "gstx/result.hpp"
#include "runtime/interface.hpp"

namespace napari::control {

struct PageRequest {
  std::string path;
  std::string method;                        // GET or HEAD; everything else never reaches a page
  std::map<std::string, std::string> query;  // without the token
  std::string host;                          // the Host header, checked
  bool loopback{true};                       // the peer's address
};

struct PageResponse {
  int status{200};
  std::string content_type{"text/plain; charset=utf-8"};
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

using Page = std::function<PageResponse(const PageRequest&)>;

enum class PageAccess { token, open };

class Service {
 public:
  explicit Service(data::ServeConfig config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // What to give to make_runtime. The callbacks may be called after the service is gone: they do
  // nothing then.
  [[nodiscard]] runtime::RuntimeEvents events();
  void attach(runtime::Runtime& runtime);

  // `path` is exact, or a prefix when it ends in '*'. The longest match wins. Before `listen`.
  void add_page(std::string path, Page page, PageAccess access);

  // Opens `path` as napari.load_zarr does, but unconfined: the command line may name anything.
  void open_initial(std::string path, std::function<void(gstx::Result<void>)> done);

  [[nodiscard]] gstx::Result<void> listen();
  [[nodiscard]] int port() const;                  // 0 before `listen`
  [[nodiscard]] int state_port() const;            // 0: off
  [[nodiscard]] int pixel_port() const;            // 0: off
  [[nodiscard]] std::string napari_host() const;   // where the two others listen
  [[nodiscard]] std::string url() const;           // with ?token= unless there is none
  [[nodiscard]] const std::string& token() const;  // empty with no_token

  void drain(std::function<void()> done);
  [[nodiscard]] ServiceReport report() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace napari::control
