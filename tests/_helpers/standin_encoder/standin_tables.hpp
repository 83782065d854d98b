// The properties of the stock NVENC elements as three generations of GStreamer have them, with types, ranges, nicks and defaults:
//   1.22  nvcudah264enc (no tune, no p1 to p7) and the older nvh264enc
//   1.24  nvcudah264enc with tune, multi-pass and p1 to p7; nvh264enc as before
//   1.26  nvh264enc alone: the CUDA element with the older one's names
// Facts, not code: from gst-inspect-1.0's output and the documentation of those releases. Threads: any; all constant.
#pragma once

#include <span>

#include <gst/gst.h>

namespace napari::standin {

enum class Release { v1_22, v1_24, v1_26 };

enum class PropertyKind { boolean, integer, unsigned_integer, real, enumeration };

struct Property {
  const char* name;
  PropertyKind kind;
  double minimum;
  double maximum;
  double initial;            // enumerations: the value, which is the index of the nick
  const char* const* nicks;  // ends with null
  bool only_ready;           // else it may change while playing
  bool read_only;
};

// Empty: that release has no such element.
[[nodiscard]] std::span<const Property> properties_of(const char* factory, Release release);

// What the sink pad template of that release takes besides system memory is added by the registration.
[[nodiscard]] const char* raw_fields_of(const char* factory, Release release);

[[nodiscard]] const char* name_of(Release release);  // "1.22"

}  // namespace napari::standin
