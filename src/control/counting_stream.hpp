// A GIOStream that passes everything through and counts the bytes that its base has taken and given. libsoup queues
// WebSocket messages without bound and tells nobody how many are left; what was queued less what this counted is the
// answer, with and without TLS. libsoup also reads for as long as there is something to read, so that one client could
// keep the main loop from all others: this says "nothing there" after a portion. Threads: [main]. Owns: a reference to the
// base.
#pragma once

#include <cstddef>
#include <cstdint>

#include <gio/gio.h>

#include "gstx/ref.hpp"

namespace gstx {
template <>
struct RefTraits<GIOStream> : GObjectRefTraits {};
}  // namespace gstx

namespace napari::control {

// A portion is what is read at once, 0: all there is. Whoever has a portion must poll again for the next, which a TLS
// stream with a record half taken would not notice.
[[nodiscard]] gstx::Ref<GIOStream> make_counting_stream(GIOStream* base, std::size_t portion);

// `stream` comes from make_counting_stream.
[[nodiscard]] std::uint64_t bytes_written(GIOStream* stream);

// Reading fails `bytes` from now, but for a trickle with time. libsoup bounds a frame, neither a message of many frames nor
// the pongs it queues for many pings: what is no whole message by then is none that was meant well.
void allow_reading(GIOStream* stream, std::size_t bytes);

}  // namespace napari::control
