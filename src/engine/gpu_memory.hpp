// GPU pictures as GStreamer memory: a GstMemory that carries a GpuFramePtr and no pixels. Mapping it for reading reads the pixels
// back (RGBA8, rows top first, tight), so that any element works on it; those that know it take the frame instead.
// The same code may be in a process twice (server and plugin). A memory made by the other copy is not one of ours: its layout is
// the other's business, and it is plain mappable memory here. Threads: any. Ownership: the memory keeps its frame alive.
#pragma once

#include <gst/gst.h>

#include "engine/gpu_frame.hpp"

namespace napari::engine {

// Never null. The caller owns the memory.
[[nodiscard]] GstMemory* make_gpu_memory(GpuFramePtr frame);

// A buffer of one such memory; its size is that of the pixels.
[[nodiscard]] GstBuffer* make_gpu_buffer(GpuFramePtr frame);

// The frame that a buffer consists of; null where it is not one memory of this copy of the code, whole.
[[nodiscard]] GpuFramePtr find_gpu_frame(GstBuffer* buffer);

}  // namespace napari::engine
