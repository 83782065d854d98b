// A GIOStream that passes everything through and counts the bytes that its base has taken. libsoup queues WebSocket
// messages without bound and tells nobody how many are left; what was queued less what this counted is the answer, with
// and without TLS. Threads: [main]. Owns: a reference to the base.
#pragma once

#include <cstdint>

#include <gio/gio.h>

#include "gstx/ref.hpp"

namespace gstx {
template <>
struct RefTraits<GIOStream> : GObjectRefTraits {};
}  // namespace gstx

namespace napari::control {

[[nodiscard]] gstx::Ref<GIOStream> make_counting_stream(GIOStream* base);

// `stream` comes from make_counting_stream.
[[nodiscard]] std::uint64_t bytes_written(GIOStream* stream);

}  // namespace napari::control
