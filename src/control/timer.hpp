// A timer on the default main context that ends with its owner. Threads: [main].
#pragma once

#include <functional>
#include <utility>

#include <glib.h>

#include "gstx/unique.hpp"

namespace napari::control {

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was running. The callback may destroy or restart the timer.
  void start_once(double seconds, std::function<void()> callback) {
    start(seconds, std::move(callback), G_SOURCE_REMOVE);
  }
  void start_repeating(double seconds, std::function<void()> callback) {
    start(seconds, std::move(callback), G_SOURCE_CONTINUE);
  }
  void stop() { source_.reset(); }
  [[nodiscard]] bool running() const {
    return source_ != nullptr && g_source_is_destroyed(source_.get()) == FALSE;
  }

 private:
  struct Call {
    std::function<void()> callback;
    gboolean again;
  };

  void start(double seconds, std::function<void()> callback, gboolean again) {
    source_.reset(g_timeout_source_new(static_cast<guint>(seconds * 1000)));
    g_source_set_callback(
        source_.get(),
        [](gpointer data) noexcept -> gboolean {
          // GLib keeps `data` until this returns, also when the callback ends the timer.
          const auto* call = static_cast<const Call*>(data);
          call->callback();
          return call->again;
        },
        new Call{std::move(callback), again},
        [](gpointer data) noexcept { delete static_cast<Call*>(data); });
    g_source_attach(source_.get(), nullptr);
  }

  gstx::UniqueSource source_;
};

}  // namespace napari::control
