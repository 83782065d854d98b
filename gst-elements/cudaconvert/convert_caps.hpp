// What naparicudaconvert can turn into what, as caps. Pure: no element, no state. Threads: any.
#pragma once

#include <gst/gst.h>

#include "engine/elements.hpp"

namespace napari::elements {

inline constexpr int kConvertSizeMax = 16384;

// The pad templates: every kind of memory, whatever this machine has.
[[nodiscard]] GstCaps* make_convert_sink_caps();
[[nodiscard]] GstCaps* make_convert_source_caps();

// What the other pad can have when the pad on `direction`'s side has `caps`: a picture grows or keeps its size; 4:2:0 is
// even; RGBA passes through unchanged unless `flip`. CUDA memory stays CUDA memory; a GPU picture and system memory
// become system memory. Borrows `caps`; the caller owns the result.
// What this machine lacks is not left out: who asks for CUDA memory where there is none is to be told why, not that nothing fits.
[[nodiscard]] GstCaps* transform_convert_caps(GstPadDirection direction, GstCaps* caps, bool flip);

// Fixates `other` (owned) as near to `wanted` as it allows, NV12 in BT.709 first.
[[nodiscard]] GstCaps* fixate_convert_caps(GstCaps* other, data::CanvasSize wanted);

}  // namespace napari::elements
