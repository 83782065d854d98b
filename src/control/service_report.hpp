// What the service counted, for metrics. Threads: [main]; a copy is a value.
#pragma once

#include <cstdint>

namespace napari::control {

// Totals since the start, for metrics; `*_now` are gauges.
struct ServiceReport {
  int state_clients_now{0};
  int pixel_clients_now{0};
  std::uint64_t scene_version{0};
  std::uint64_t sessions{0};  // welcomed
  std::uint64_t sessions_rejected{0};
  std::uint64_t sessions_timed_out{0};  // two heartbeats unanswered
  std::uint64_t requests_denied{0};     // 401, 403 or 503
  std::uint64_t messages_in{0};
  std::uint64_t messages_ignored{0};  // junk and non-envelope messages
  std::uint64_t intents_accepted{0};
  std::uint64_t intents_rejected{0};
  std::uint64_t commands{0};
  std::uint64_t commands_failed{0};
  std::uint64_t notifies_out{0};
  std::uint64_t frames_in{0};       // access units from the runtime
  std::uint64_t frames_sent{0};     // access units times clients
  std::uint64_t frames_dropped{0};  // for slow clients, and while main was late
  std::uint64_t bytes_sent{0};
  std::uint64_t clients_resynced{0};  // slow clients that got an IDR to go on with
  std::uint64_t clients_closed_slow{0};
  std::uint64_t keyframes_requested{0};
  std::uint64_t runtime_errors{0};
  double ack_ms_p50{0},
      ack_ms_p99{0};  // message received to ack handed to the socket, over the last 512
};

}  // namespace napari::control
