#include "engine/encoder_memory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/cuda/cuda_converter.hpp"
#include "engine/cuda_memory.hpp"
#include "gstx/thread.hpp"

namespace napari::engine {
namespace {

using gstx::Ref;

constexpr const char* kDeviceFormat = "NV12";

Ref<GstBuffer> make_cuda_picture(GstCaps* caps) {
  // Nobody's neighbour: it has a context of its own, which the buffer keeps.
  const auto host = Ref<GstElement>::sink(gst_pipeline_new(nullptr));
  CudaContextSlot slot(host.get());
  const auto context = slot.ensure(-1);
  if (!context) return nullptr;
  CudaBuffers buffers;
  auto picture = buffers.take(*context, caps);
  if (!picture) return nullptr;
  gst_buffer_memset(picture->get(), 0, 128, gst_buffer_get_size(picture->get()));
  return *std::move(picture);
}

gstx::Guarded<std::vector<DeviceMemory>>& known_memories() {
  static gstx::Guarded<std::vector<DeviceMemory>> memories(
      {DeviceMemory{.feature = "memory:CUDAMemory",
                    .usable = [] { return load_cuda().has_value(); },
                    .make_picture = make_cuda_picture}});
  return memories;
}

// Empty where the element is not installed.
Ref<GstCaps> sink_template_caps(const EncoderCandidate& candidate) {
  auto caps = Ref<GstCaps>::adopt(gst_caps_new_empty());
  GstElementFactory* factory = gst_element_factory_find(candidate.factory);
  if (factory == nullptr) return caps;
  for (const GList* entry = gst_element_factory_get_static_pad_templates(factory); entry != nullptr;
       entry = entry->next) {
    auto* const pad_template = static_cast<GstStaticPadTemplate*>(entry->data);
    if (pad_template->direction == GST_PAD_SINK)
      gst_caps_append(caps.get(), gst_static_pad_template_get_caps(pad_template));
  }
  gst_object_unref(factory);
  return caps;
}

bool names_feature(const EncoderCandidate& candidate, const std::string& feature) {
  const auto caps = sink_template_caps(candidate);
  for (guint i = 0; i < gst_caps_get_size(caps.get()); ++i) {
    if (gst_caps_features_contains(gst_caps_get_features(caps.get(), i), feature.c_str()) != FALSE)
      return true;
  }
  return false;
}

}  // namespace

void add_device_memory(DeviceMemory memory) {
  known_memories().with([&](auto& memories) {
    std::erase_if(memories, [&](const auto& known) { return known.feature == memory.feature; });
    memories.push_back(std::move(memory));
  });
}

std::string memory_feature(const GstCaps* caps) {
  GstCapsFeatures* features = gst_caps_get_features(caps, 0);
  if (features == nullptr ||
      gst_caps_features_is_equal(features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY) != FALSE)
    return {};
  for (guint i = 0; i < gst_caps_features_get_size(features); ++i) {
    std::string name = gst_caps_features_get_nth(features, i);
    if (name.starts_with("memory:")) return name;
  }
  return {};
}

bool takes_memory(const EncoderCandidate& candidate, const std::string& feature) {
  if (feature.empty()) return true;
  // The copy is called without the lock: loading a driver takes its time.
  for (const DeviceMemory& memory : known_memories().copy())
    if (memory.feature == feature) return names_feature(candidate, feature) && memory.usable();
  return false;
}

bool takes_caps(const EncoderCandidate& candidate, const GstCaps* caps) {
  return gst_caps_can_intersect(sink_template_caps(candidate).get(), caps) != FALSE;
}

Ref<GstCaps> encoder_input_caps(std::span<const EncoderCandidate> candidates,
                                const GstStructure* fields) {
  auto caps = Ref<GstCaps>::adopt(gst_caps_new_empty());
  for (const DeviceMemory& memory : known_memories().copy()) {
    if (std::none_of(candidates.begin(), candidates.end(), [&](const EncoderCandidate& candidate) {
          return takes_memory(candidate, memory.feature);
        }))
      continue;
    GstStructure* structure = gst_structure_copy(fields);
    gst_structure_set(structure, "format", G_TYPE_STRING, kDeviceFormat, nullptr);
    gst_caps_append_structure_full(caps.get(), structure,
                                   gst_caps_features_new(memory.feature.c_str(), nullptr));
  }
  gst_caps_append_structure(caps.get(), gst_structure_copy(fields));
  return caps;
}

std::optional<DeviceMemory> probe_memory(const EncoderCandidate& candidate) {
  for (const DeviceMemory& memory : known_memories().copy())
    if (memory.make_picture && takes_memory(candidate, memory.feature)) return memory;
  return std::nullopt;
}

}  // namespace napari::engine
