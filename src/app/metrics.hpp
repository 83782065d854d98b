// Counters as Prometheus text and as the JSON document of the reference server (reference_behaviour.md 2.20, same names).
// Pure: reports in, text out. Threads: any.
#pragma once

#include <string>

#include "control/service.hpp"
#include "runtime/interface.hpp"

namespace napari::app {

[[nodiscard]] std::string prometheus_text(const control::ServiceReport& service,
                                          const runtime::RuntimeReport& runtime);
[[nodiscard]] std::string metrics_json(const control::ServiceReport& service,
                                       const runtime::RuntimeReport& runtime, double unix_time_s);

}  // namespace napari::app
