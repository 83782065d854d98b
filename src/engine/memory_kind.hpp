// The three kinds of memory that a picture can be in between our elements, as caps features (docs/pipelines.md). Pure: caps in,
// caps out. Threads: any.
#pragma once

#include <span>

#include <gst/gst.h>

namespace napari::engine {

enum class MemoryKind { system, gpu_frame, cuda };

// "memory:NapariGpuFrame", "memory:CUDAMemory"; "memory:SystemMemory".
[[nodiscard]] const char* feature_of(MemoryKind kind);

// Whether structure `index` of `caps` allows `kind`; `ANY` features allow each.
[[nodiscard]] bool allows_memory(const GstCaps* caps, guint index, MemoryKind kind);

// Of fixed caps; `system` where they name none of the others.
[[nodiscard]] MemoryKind memory_kind_of(const GstCaps* caps);

// One structure for each of `kinds`, in order, all with the fields of `fields`, which stays the caller's.
[[nodiscard]] GstCaps* make_caps_for(const GstStructure* fields, std::span<const MemoryKind> kinds);

}  // namespace napari::engine
