// The pixel channel: one subscription a tier while somebody watches, each access unit to every client of the tier. A client
// that does not keep up loses frames up to the next IDR and keeps contiguous numbers; one that stops reading is closed.
// Nobody waits for anybody. Threads: [main]; access units come from the streaming thread through FrameInbox.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "control/frame_inbox.hpp"
#include "control/service_report.hpp"
#include "control/timer.hpp"
#include "control/web_socket.hpp"
#include "runtime/interface.hpp"

namespace napari::control {

class PixelChannel {
 public:
  explicit PixelChannel(ServiceReport& counters);
  ~PixelChannel();
  PixelChannel(const PixelChannel&) = delete;
  PixelChannel& operator=(const PixelChannel&) = delete;

  void attach(runtime::Runtime& runtime) { runtime_ = &runtime; }

  void accept(std::unique_ptr<WebSocket> socket, runtime::Tier tier);
  // On behalf of a client: coalesced, and spaced so that one client cannot make every frame an IDR.
  void request_keyframe(runtime::Tier tier);
  void request_keyframes();  // of every tier that is watched
  [[nodiscard]] std::size_t clients() const;

  // Closes everybody with 1011, ends the subscriptions, lets go of the runtime. `on_empty` as StateChannel's.
  void drain(std::function<void()> on_empty);

 private:
  struct Client {
    std::unique_ptr<WebSocket> socket;
    bool waiting{true};  // for an IDR
    bool slow{false};    // because it did not keep up
    bool closing{false};
    std::uint32_t next_seq{0};
    double last_epoch_s{0};
    std::deque<std::uint64_t>
        frame_ends;                  // queued_bytes at the end of each frame that is not out yet
    std::uint64_t written_bytes{0};  // at the last look
    std::int64_t progress_us{0};     // when that last grew
  };
  struct Stream {
    runtime::Tier tier{runtime::Tier::web};
    std::shared_ptr<FrameInbox> inbox;
    std::optional<std::uint64_t> subscription;
    std::map<std::uint64_t, Client> clients;
    std::int64_t requested_us{0};  // 0: no request is under way
    std::int64_t keyframe_us{0};   // when the last IDR came
    Timer later;                   // a request that waits for its time
  };

  Stream& stream(runtime::Tier tier) { return streams_[tier == runtime::Tier::web ? 0 : 1]; }
  [[nodiscard]] gstx::Result<void> subscribe(Stream& stream);
  void unsubscribe(Stream& stream);
  void deliver(Stream& stream);
  void send(Stream& stream, Client& client, const data::EncodedFrame& frame);
  void fall_behind(Client& client);
  void look_after_slow();
  void request(Stream& stream, std::int64_t spacing_us);
  void on_closed(Stream& stream, std::uint64_t number);

  ServiceReport& counters_;
  runtime::Runtime* runtime_{nullptr};
  std::array<Stream, 2> streams_;
  std::uint64_t numbers_{0};
  Timer slow_timer_;  // runs while a client is slow
  std::function<void()> on_empty_;
  gstx::TaskQueue queue_{nullptr};
};

}  // namespace napari::control
