// naparicudaconvert: RGBA to NV12, I420 or Y444, flipped and scaled up on the way (docs/pipelines.md). The GObject shell;
// caps are convert_caps', pixels the engine's ColorConverter's.
#pragma once

#include <gst/video/gstvideofilter.h>

[[nodiscard]] GType napari_cuda_convert_get_type();
