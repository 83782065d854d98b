#include "engine/memory_kind.hpp"

namespace napari::engine {

const char* feature_of(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::gpu_frame:
      return "memory:NapariGpuFrame";
    case MemoryKind::cuda:
      return "memory:CUDAMemory";
    case MemoryKind::system:
      break;
  }
  return GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY;
}

bool allows_memory(const GstCaps* caps, guint index, MemoryKind kind) {
  GstCapsFeatures* features = gst_caps_get_features(caps, index);
  if (features == nullptr) return kind == MemoryKind::system;
  if (gst_caps_features_is_any(features) != FALSE) return true;
  if (kind == MemoryKind::system)
    return gst_caps_features_is_equal(features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY) != FALSE;
  return gst_caps_features_contains(features, feature_of(kind)) != FALSE;
}

MemoryKind memory_kind_of(const GstCaps* caps) {
  for (const MemoryKind kind : {MemoryKind::gpu_frame, MemoryKind::cuda})
    if (gst_caps_get_size(caps) > 0 && allows_memory(caps, 0, kind)) return kind;
  return MemoryKind::system;
}

GstCaps* make_caps_for(const GstStructure* fields, std::span<const MemoryKind> kinds) {
  GstCaps* caps = gst_caps_new_empty();
  for (const MemoryKind kind : kinds) {
    GstCapsFeatures* features =
        kind == MemoryKind::system ? nullptr : gst_caps_features_new(feature_of(kind), nullptr);
    gst_caps_append_structure_full(caps, gst_structure_copy(fields), features);
  }
  return caps;
}

}  // namespace napari::engine
