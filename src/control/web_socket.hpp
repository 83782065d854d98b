// One WebSocket of a client, over libsoup: sends, says how much is unsent, closes in bounded time. Knows no message's
// meaning. libsoup answers pings and reassembles fragments. Threads: [main]. Owns: the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <gio/gio.h>
#include <libsoup/soup.h>

#include "control/counting_stream.hpp"
#include "gstx/ref.hpp"
#include "gstx/unique.hpp"

namespace gstx {
template <>
struct RefTraits<SoupWebsocketConnection> : GObjectRefTraits {};
template <>
struct RefTraits<GSocket> : GObjectRefTraits {};
}  // namespace gstx

namespace napari::control {

inline constexpr unsigned kCloseNormal = 1000;
inline constexpr unsigned kClosePolicy = 1008;
inline constexpr unsigned kCloseServerError =
    1011;  // also at shutdown: libsoup does not let 1012 out

class WebSocket {
 public:
  struct Events {
    std::function<void(std::string_view bytes)> on_message;  // text and binary alike
    std::function<void()> on_closed;  // once, last; the socket may be destroyed in it
  };

  // Takes over an upgraded connection. `incoming_bytes_max` bounds one frame; a longer one, or twice as
  // much without a whole message, ends the connection.
  WebSocket(SoupServerMessage* message, std::size_t incoming_bytes_max);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  void set_events(Events events) { events_ = std::move(events); }

  void send_text(std::string_view text);
  void send_binary(std::span<const std::uint8_t> head, std::span<const std::uint8_t> body);

  [[nodiscard]] std::size_t unsent_bytes();
  [[nodiscard]] std::uint64_t queued_bytes() const { return queued_bytes_; }  // ever, with framing
  [[nodiscard]] std::uint64_t written_bytes() const;  // ever, taken by the kernel
  [[nodiscard]] bool open() const;

  // Sends a close frame behind what is queued; cuts the connection if the peer has not answered within kCloseSeconds.
  void close(unsigned code, std::string_view reason);
  void abort();  // cuts the connection now; `on_closed` follows

 private:
  void send(SoupWebsocketDataType type, GBytes* bytes);

  gstx::Ref<GSocket> socket_;
  gstx::Ref<GIOStream> stream_;
  gstx::Ref<SoupWebsocketConnection> connection_;
  gstx::UniqueSource close_timer_;
  Events events_;
  std::uint64_t queued_bytes_{0};
  std::size_t unfinished_bytes_max_{0};  // read without a message coming of it
};

}  // namespace napari::control
