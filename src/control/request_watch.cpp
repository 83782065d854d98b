#include "control/request_watch.hpp"

namespace napari::control {
namespace {

constexpr double kLookSeconds = 1;

void cut(GObject* socket) { g_socket_shutdown(G_SOCKET(socket), TRUE, TRUE, nullptr); }

}  // namespace

RequestWatch::~RequestWatch() {
  for (const auto& [message, waiting] : waiting_) g_object_weak_unref(message, forget, this);
}

void RequestWatch::forget(gpointer self, GObject* message) noexcept {
  static_cast<RequestWatch*>(self)->waiting_.erase(message);
}

void RequestWatch::watch(SoupServer* server) {
  g_signal_connect(server, "request-started",
                   G_CALLBACK(+[](SoupServer*, SoupServerMessage* message, gpointer self) noexcept {
                     static_cast<RequestWatch*>(self)->add(message);
                   }),
                   this);
  g_signal_connect(server, "request-read",
                   G_CALLBACK(+[](SoupServer*, SoupServerMessage* message, gpointer self) noexcept {
                     static_cast<RequestWatch*>(self)->remove(message);
                   }),
                   this);
}

void RequestWatch::add(SoupServerMessage* message) {
  GSocket* socket = soup_server_message_get_socket(message);
  if (socket == nullptr) return;
  if (waiting_.size() >= kRequestsWaitingMax) {
    cut(G_OBJECT(socket));
    return;
  }
  // No signal comes for a connection that ends before a request line.
  const bool fresh =
      waiting_
          .insert_or_assign(G_OBJECT(message), Waiting{gstx::Ref<GObject>::retain(G_OBJECT(socket)),
                                                       g_get_monotonic_time()})
          .second;
  if (fresh) g_object_weak_ref(G_OBJECT(message), forget, this);
  if (!timer_.running()) timer_.start_repeating(kLookSeconds, [this] { cut_late(); });
}

void RequestWatch::remove(SoupServerMessage* message) {
  if (waiting_.erase(G_OBJECT(message)) == 0) return;
  g_object_weak_unref(G_OBJECT(message), forget, this);
}

void RequestWatch::cut_late() {
  const std::int64_t now_us = g_get_monotonic_time();
  for (auto& [message, waiting] : waiting_) {
    if (static_cast<double>(now_us - waiting.since_us) / 1e6 > kRequestSeconds) {
      cut(waiting.socket.get());
    }
  }
  if (waiting_.empty()) timer_.stop();
}

}  // namespace napari::control
