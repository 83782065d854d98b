// The only mapping between GError and `Error`. Threads: any.
#pragma once

#include <glib.h>

#include "gstx/result.hpp"

namespace gstx {

// Takes ownership of `error` (which must be set). G_IO_ERROR and G_FILE_ERROR codes map to the nearest
// ErrorCode, every other domain to internal. A GError made by `propagate` comes back unchanged.
[[nodiscard]] tl::unexpected<Error> take_gerror(GError* error);

// Sets `*destination` (may be null) in our own error domain.
void propagate(GError** destination, const Error& error);

[[nodiscard]] GQuark error_quark();

}  // namespace gstx
