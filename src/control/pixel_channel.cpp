#include "control/pixel_channel.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <glib.h>

#include "control/pixel_header.hpp"
#include "data/config.hpp"

namespace napari::control {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kRequestSpacingUs = kSecondUs / 4;  // after an IDR, for clients that ask
constexpr std::int64_t kResyncSpacingUs = kSecondUs;       // after an IDR, for slow clients
constexpr std::int64_t kRequestLostUs =
    kSecondUs;  // an IDR that has not come by then is asked for again
constexpr std::int64_t kStallUs = 10 * kSecondUs;  // without a byte taken: the client does not read
constexpr double kSlowLookSeconds = 0.05;

}  // namespace

PixelChannel::PixelChannel(ServiceReport& counters) : counters_(counters) {
  streams_[0].tier = runtime::Tier::web;
  streams_[1].tier = runtime::Tier::napari;
}

PixelChannel::~PixelChannel() {
  // The runtime may be gone before us; what its threads may still hold is the inbox.
  for (Stream& stream : streams_) {
    if (stream.inbox != nullptr) stream.inbox->close();
  }
}

std::size_t PixelChannel::clients() const {
  return streams_[0].clients.size() + streams_[1].clients.size();
}

gstx::Result<void> PixelChannel::subscribe(Stream& stream) {
  if (runtime_ == nullptr) return gstx::fail(gstx::ErrorCode::unavailable, "shutting down");
  stream.inbox = std::make_shared<FrameInbox>(
      [this, &stream] { queue_.post([this, &stream] { deliver(stream); }); });
  auto id = runtime_->subscribe(stream.tier, [inbox = stream.inbox](data::EncodedFramePtr frame) {
    inbox->push(std::move(frame));
  });
  if (!id) {
    stream.inbox->close();
    return gstx::fail(id.error());
  }
  stream.subscription = *id;
  stream.requested_us = g_get_monotonic_time();  // a subscription begins with an IDR
  return {};
}

void PixelChannel::unsubscribe(Stream& stream) {
  stream.later.stop();
  if (!stream.subscription) return;
  stream.inbox->close();
  if (runtime_ != nullptr) runtime_->unsubscribe(*stream.subscription);
  stream.subscription.reset();
  stream.requested_us = 0;
}

void PixelChannel::accept(std::unique_ptr<WebSocket> socket, runtime::Tier tier) {
  Stream& stream = this->stream(tier);
  const std::uint64_t number = ++numbers_;
  Client& client = stream.clients[number];
  client.socket = std::move(socket);
  client.progress_us = g_get_monotonic_time();
  client.socket->set_events({
      .on_message = [this](std::string_view) { ++counters_.messages_ignored; },
      .on_closed = [this, &stream, number] { on_closed(stream, number); },
  });
  if (stream.subscription) {
    request(stream, 0);
  } else if (const auto subscribed = subscribe(stream); !subscribed) {
    client.closing = true;
    // A close reason holds 123 bytes.
    client.socket->close(kCloseServerError, subscribed.error().message.substr(0, 120));
  }
}

void PixelChannel::on_closed(Stream& stream, std::uint64_t number) {
  const auto found = stream.clients.find(number);
  if (found != stream.clients.end()) found->second.closing = true;
  queue_.post([this, &stream, number] {
    stream.clients.erase(number);
    if (stream.clients.empty()) unsubscribe(stream);
    if (clients() == 0 && on_empty_) std::exchange(on_empty_, nullptr)();
  });
}

void PixelChannel::deliver(Stream& stream) {
  FrameInbox::Taken taken = stream.inbox->take();
  counters_.frames_dropped += taken.dropped * stream.clients.size();
  if (taken.gap) {
    for (auto& [number, client] : stream.clients) client.waiting = true;
    if (taken.frames.empty()) request(stream, 0);
  }
  for (const auto& frame : taken.frames) {
    ++counters_.frames_in;
    if (frame->keyframe) {
      stream.requested_us = 0;
      stream.keyframe_us = g_get_monotonic_time();
    }
    for (auto& [number, client] : stream.clients) send(stream, client, *frame);
  }
}

void PixelChannel::fall_behind(Client& client) {
  client.waiting = true;
  client.slow = true;
  if (!slow_timer_.running()) {
    slow_timer_.start_repeating(kSlowLookSeconds, [this] { look_after_slow(); });
  }
}

void PixelChannel::send(Stream& stream, Client& client, const data::EncodedFrame& frame) {
  if (client.closing || !client.socket->open()) return;
  const std::uint64_t written = client.socket->written_bytes();
  while (!client.frame_ends.empty() && client.frame_ends.front() <= written) {
    client.frame_ends.pop_front();
  }
  const std::size_t unsent = client.socket->unsent_bytes();
  const bool full = client.frame_ends.size() >= data::kClientFramesMax ||
                    (unsent > 0 && unsent + frame.avcc.size() > data::kClientBytesMax);
  if (full || (client.waiting && !frame.keyframe)) {
    ++counters_.frames_dropped;
    if (full) fall_behind(client);
    return;
  }
  if (std::exchange(client.slow, false)) ++counters_.clients_resynced;
  client.waiting = false;
  const std::int64_t now_ns = g_get_monotonic_time() * 1000;
  const std::int64_t drawn_ns = frame.info.render_end_ns > 0 ? frame.info.render_end_ns : now_ns;
  const double epoch_s =
      static_cast<double>(g_get_real_time()) / 1e6 - static_cast<double>(now_ns - drawn_ns) / 1e9;
  client.last_epoch_s = std::max(client.last_epoch_s, epoch_s);  // the clock may be set back
  const PixelHeader header(
      frame, {.seq = client.next_seq++, .epoch_s = client.last_epoch_s, .sent_ns = now_ns},
      stream.tier == runtime::Tier::web ? PixelHeader::Extension::own
                                        : PixelHeader::Extension::none);
  client.socket->send_binary(header.bytes(), frame.avcc);
  client.frame_ends.push_back(client.socket->queued_bytes());
  ++counters_.frames_sent;
  counters_.bytes_sent += header.bytes().size() + frame.avcc.size();
}

void PixelChannel::look_after_slow() {
  const std::int64_t now_us = g_get_monotonic_time();
  bool anybody = false;
  for (Stream& stream : streams_) {
    bool drained = false;
    for (auto& [number, client] : stream.clients) {
      if (!client.slow || client.closing) continue;
      anybody = true;
      const std::uint64_t written = client.socket->written_bytes();
      if (written != client.written_bytes || client.socket->unsent_bytes() == 0) {
        client.written_bytes = written;
        client.progress_us = now_us;
      }
      if (client.socket->unsent_bytes() == 0) {
        drained = true;
      } else if (now_us - client.progress_us > kStallUs) {
        client.closing = true;
        ++counters_.clients_closed_slow;
        client.socket->close(kCloseServerError, "client does not read");
      }
    }
    if (drained) request(stream, kResyncSpacingUs);
  }
  if (!anybody) slow_timer_.stop();
}

void PixelChannel::request(Stream& stream, std::int64_t spacing_us) {
  if (!stream.subscription || runtime_ == nullptr) return;
  const std::int64_t now_us = g_get_monotonic_time();
  if (stream.requested_us != 0 && now_us - stream.requested_us < kRequestLostUs) return;
  const std::int64_t wait_us = stream.keyframe_us + spacing_us - now_us;
  if (wait_us > 0 && stream.keyframe_us != 0) {
    if (stream.later.running()) return;
    stream.later.start_once(static_cast<double>(wait_us) / 1e6 + 0.001,
                            [this, &stream] { request(stream, 0); });
    return;
  }
  stream.requested_us = now_us;
  ++counters_.keyframes_requested;
  runtime_->request_keyframe(stream.tier);
}

void PixelChannel::request_keyframe(runtime::Tier tier) {
  request(stream(tier), kRequestSpacingUs);
}

void PixelChannel::request_keyframes() {
  for (Stream& stream : streams_) request(stream, kRequestSpacingUs);
}

void PixelChannel::drain(std::function<void()> on_empty) {
  for (Stream& stream : streams_) {
    unsubscribe(stream);
    for (auto& [number, client] : stream.clients) {
      client.closing = true;
      client.socket->close(kCloseServerError, "server_shutdown");
    }
  }
  slow_timer_.stop();
  runtime_ = nullptr;
  if (clients() == 0) {
    on_empty();
  } else {
    on_empty_ = std::move(on_empty);
  }
}

}  // namespace napari::control
