// What is served over HTTP beside the two channels: the browser client, health, metrics, the pipeline graph.
// Threads: [main]; the service and the runtime outlive the pages.
#pragma once

#include "control/service.hpp"
#include "runtime/interface.hpp"

namespace napari::app {

// Registers every page of architecture.md section 6 with `service`. Before `listen`.
void add_pages(control::Service& service, const runtime::Runtime& runtime);

}  // namespace napari::app
