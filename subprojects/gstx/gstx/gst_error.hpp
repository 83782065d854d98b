// An element's `Error` as one ERROR message on the bus. Threads: any; never with a lock held.
#pragma once

#include <gst/gst.h>

#include "gstx/result.hpp"

namespace gstx {

// unsupported and not_found become RESOURCE/LIBRARY errors, invalid_argument SETTINGS, the rest FAILED.
void post_error(GstElement* element, const Error& error);

// The same as a WARNING.
void post_warning(GstElement* element, const Error& error);

}  // namespace gstx
