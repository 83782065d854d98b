#include "runtime/timer.hpp"

#include <utility>

#include "runtime/frame_clock.hpp"

namespace napari::runtime {
namespace {

struct TimerSource {
  GSource base;
  const std::function<void()>* fire;
};

GSourceFuncs timer_funcs = {
    .prepare = nullptr,
    .check = nullptr,
    .dispatch = [](GSource* source, GSourceFunc, gpointer) noexcept -> gboolean {
      g_source_set_ready_time(source, -1);
      (*reinterpret_cast<TimerSource*>(source)->fire)();
      return G_SOURCE_CONTINUE;
    },
    .finalize = nullptr,
    .closure_callback = nullptr,
    .closure_marshal = nullptr,
};

}  // namespace

Timer::Timer(GMainContext* context, std::function<void()> fire)
    : fire_(std::move(fire)), source_(g_source_new(&timer_funcs, sizeof(TimerSource))) {
  reinterpret_cast<TimerSource*>(source_.get())->fire = &fire_;
  g_source_set_static_name(source_.get(), "runtime-timer");
  g_source_attach(source_.get(), context);
}

void Timer::set(std::int64_t deadline_ns) {
  // Rounded up: firing before the deadline would find nothing due, and spin.
  const std::int64_t ready_us = deadline_ns == kNeverNs ? -1 : deadline_ns / 1000 + 1;
  g_source_set_ready_time(source_.get(), ready_us);
}

}  // namespace napari::runtime
