// Requests that are on their way in. libsoup waits for headers and bodies for ever, in a connection each: who takes too long
// is cut, and so is who comes when too many wait. An idle keep-alive connection waits too. Threads: [main]. Owns: a
// reference to each waiting socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include <libsoup/soup.h>

#include "control/timer.hpp"
#include "gstx/ref.hpp"

namespace napari::control {

inline constexpr std::size_t kRequestsWaitingMax = 256;
inline constexpr double kRequestSeconds = 10;

class RequestWatch {
 public:
  RequestWatch() = default;
  ~RequestWatch();
  RequestWatch(const RequestWatch&) = delete;
  RequestWatch& operator=(const RequestWatch&) = delete;

  void watch(SoupServer* server);  // which this must outlive

 private:
  struct Waiting {
    gstx::Ref<GObject> socket;
    std::int64_t since_us{0};
  };

  static void forget(gpointer self, GObject* message) noexcept;
  void add(SoupServerMessage* message);
  void remove(SoupServerMessage* message);
  void cut_late();

  std::unordered_map<GObject*, Waiting> waiting_;
  Timer timer_;
};

}  // namespace napari::control
