// The composition root of `serve`: the only place that makes the long-lived objects, and that ends them. Threads: [main].
#pragma once

#include "data/config.hpp"

namespace napari::app {

// Opens, listens, prints where, serves until SIGTERM or SIGINT. Returns the exit status: 0 stopped; 1 failed; 2 bad DATA,
// port in use or a configuration that cannot be served, with the reason on stderr and nothing listening.
[[nodiscard]] int serve(data::ServeConfig config);

}  // namespace napari::app
