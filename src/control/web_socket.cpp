#include "control/web_socket.hpp"

#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace napari::control {
namespace {

constexpr unsigned kCloseSeconds = 1;
constexpr std::size_t kPortionBytes = 16 << 10;  // some milliseconds of the main loop
constexpr int kKeepaliveSeconds = 20;
// Little may wait in the kernel, where it would be stale and could not be dropped.
constexpr int kKernelUnsentBytes = 128 << 10;
constexpr int kPeerSilentMs = 45'000;  // two pings and their slack

std::size_t frame_header_bytes(std::size_t payload) {
  if (payload < 126) return 2;
  return payload < 65536 ? 4 : 10;
}

void tune(GSocket* socket) {
  g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, nullptr);
  g_socket_set_option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kKernelUnsentBytes, nullptr);
  g_socket_set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kPeerSilentMs, nullptr);
}

}  // namespace

WebSocket::WebSocket(SoupServerMessage* message, std::size_t incoming_bytes_max)
    : socket_(gstx::Ref<GSocket>::retain(soup_server_message_get_socket(message))) {
  if (socket_) tune(socket_.get());
  GUri* uri = soup_server_message_get_uri(message);
  const auto base = gstx::Ref<GIOStream>::adopt(soup_server_message_steal_connection(message));
  const bool tls = std::string_view(g_uri_get_scheme(uri)) == "https";
  stream_ = make_counting_stream(base.get(), tls ? 0 : kPortionBytes);
  unfinished_bytes_max_ = 2 * incoming_bytes_max;
  allow_reading(stream_.get(), unfinished_bytes_max_);
  connection_ = gstx::Ref<SoupWebsocketConnection>::adopt(soup_websocket_connection_new(
      stream_.get(), uri, SOUP_WEBSOCKET_CONNECTION_SERVER, nullptr, nullptr, nullptr));
  soup_websocket_connection_set_max_incoming_payload_size(connection_.get(), incoming_bytes_max);
  soup_websocket_connection_set_keepalive_interval(connection_.get(), kKeepaliveSeconds);
  g_signal_connect(
      connection_.get(), "message",
      G_CALLBACK(+[](SoupWebsocketConnection*, gint, GBytes* bytes, gpointer self) noexcept {
        auto* socket = static_cast<WebSocket*>(self);
        allow_reading(socket->stream_.get(), socket->unfinished_bytes_max_);
        const auto& events = socket->events_;
        if (!events.on_message) return;
        gsize size = 0;
        const auto* data = static_cast<const char*>(g_bytes_get_data(bytes, &size));
        events.on_message(std::string_view(data, size));
      }),
      this);
  g_signal_connect(connection_.get(), "closed",
                   G_CALLBACK(+[](SoupWebsocketConnection*, gpointer self) noexcept {
                     auto* socket = static_cast<WebSocket*>(self);
                     socket->close_timer_.reset();
                     // A copy: the owner may destroy us in it.
                     if (const auto on_closed = socket->events_.on_closed) on_closed();
                   }),
                   this);
}

WebSocket::~WebSocket() {
  g_signal_handlers_disconnect_by_data(connection_.get(), this);
  if (socket_ &&
      soup_websocket_connection_get_state(connection_.get()) != SOUP_WEBSOCKET_STATE_CLOSED) {
    g_socket_shutdown(socket_.get(), TRUE, TRUE, nullptr);
  }
}

bool WebSocket::open() const {
  return soup_websocket_connection_get_state(connection_.get()) == SOUP_WEBSOCKET_STATE_OPEN;
}

void WebSocket::send(SoupWebsocketDataType type, GBytes* bytes) {
  const auto owned = gstx::Ref<GBytes>::adopt(bytes);
  if (!open()) return;
  // Pings and pongs are libsoup's own; once everything is out they are accounted for.
  if (written_bytes() > queued_bytes_) queued_bytes_ = written_bytes();
  const std::size_t size = g_bytes_get_size(bytes);
  queued_bytes_ += size + frame_header_bytes(size);
  soup_websocket_connection_send_message(connection_.get(), type, bytes);
}

void WebSocket::send_text(std::string_view text) {
  send(SOUP_WEBSOCKET_DATA_TEXT, g_bytes_new(text.data(), text.size()));
}

void WebSocket::send_binary(std::span<const std::uint8_t> head,
                            std::span<const std::uint8_t> body) {
  const std::size_t size = head.size() + body.size();
  auto* message = static_cast<std::uint8_t*>(g_malloc(size));
  std::copy(head.begin(), head.end(), message);
  std::copy(body.begin(), body.end(), message + head.size());
  send(SOUP_WEBSOCKET_DATA_BINARY, g_bytes_new_take(message, size));
}

std::uint64_t WebSocket::written_bytes() const { return bytes_written(stream_.get()); }

std::size_t WebSocket::unsent_bytes() {
  const std::uint64_t written = written_bytes();
  return written >= queued_bytes_ ? 0 : static_cast<std::size_t>(queued_bytes_ - written);
}

void WebSocket::close(unsigned code, std::string_view reason) {
  if (open()) {
    soup_websocket_connection_close(connection_.get(), static_cast<gushort>(code),
                                    std::string(reason).c_str());
  }
  if (close_timer_ != nullptr) return;
  close_timer_.reset(g_timeout_source_new_seconds(kCloseSeconds));
  g_source_set_callback(
      close_timer_.get(),
      [](gpointer self) noexcept -> gboolean {
        static_cast<WebSocket*>(self)->abort();
        return G_SOURCE_REMOVE;
      },
      this, nullptr);
  g_source_attach(close_timer_.get(), nullptr);
}

void WebSocket::abort() {
  if (socket_) g_socket_shutdown(socket_.get(), TRUE, TRUE, nullptr);
}

}  // namespace napari::control
