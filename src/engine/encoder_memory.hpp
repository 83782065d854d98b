// The kinds of memory that encoders take pictures from: system memory always, memory of a device where the encoder's pad
// template names it and the device's library is up. Known device memories are a table: CUDA's, and what a test adds.
// Threads: any. Caps returned are the caller's.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include <gst/gst.h>

#include "engine/encoder_choice.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::engine {

struct DeviceMemory {
  std::string feature;           // "memory:CUDAMemory"
  std::function<bool()> usable;  // whether buffers of it can be had at all
  // A grey picture of those caps in that memory, for the probe; empty: system memory serves.
  std::function<gstx::Ref<GstBuffer>(GstCaps*)> make_picture;
};

// Replaces one of the same feature; kept for the process.
void add_device_memory(DeviceMemory memory);

// The caps feature of fixed caps; empty: system memory.
[[nodiscard]] std::string memory_feature(const GstCaps* caps);

// Whether the installed element names the memory in its pad template and the memory is usable; system memory is.
[[nodiscard]] bool takes_memory(const EncoderCandidate& candidate, const std::string& feature);

// Whether the installed element's pad template has room for these caps: format, size, memory.
[[nodiscard]] bool takes_caps(const EncoderCandidate& candidate, const GstCaps* caps);

// What `candidates` take together, device memory first, in the fields of `fields`. Device memory comes as NV12 only, which every
// such encoder takes. Candidates that are not installed count for nothing; without any, system memory remains.
[[nodiscard]] gstx::Ref<GstCaps> encoder_input_caps(std::span<const EncoderCandidate> candidates,
                                                    const GstStructure* fields);

// For the probe: device memory that the candidate takes and that pictures can be made in.
[[nodiscard]] std::optional<DeviceMemory> probe_memory(const EncoderCandidate& candidate);

}  // namespace napari::engine
