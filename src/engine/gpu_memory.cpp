#include "engine/gpu_memory.hpp"

#include <mutex>
#include <utility>

#include <fmt/format.h>

namespace napari::engine {
namespace {

constexpr const char* kMemoryType = "NapariGpuFrame";

struct GpuMemory {
  GstMemory base;  // first: GStreamer sees this only
  GpuFramePtr frame;
  std::mutex mutex;
  std::shared_ptr<const std::uint8_t> pixels;  // under mutex; stays once mapped
};

GpuMemory* cast(GstMemory* memory) { return reinterpret_cast<GpuMemory*>(memory); }

GstMemory* make(GpuFramePtr frame, GstMemory* parent, gsize offset, gsize size);

gpointer map_memory(GstMemory* base, gsize, GstMapFlags flags) noexcept {
  if ((flags & GST_MAP_WRITE) != 0) return nullptr;
  // A share maps through the memory it is a part of: GStreamer adds the offset itself.
  GpuMemory* memory = cast(base);
  const std::lock_guard lock(memory->mutex);
  if (memory->pixels == nullptr) {
    auto read = memory->frame->read();
    if (!read) {
      GST_WARNING("a picture could not be read back from the GPU: %s",
                  read.error().message.c_str());
      return nullptr;
    }
    memory->pixels = std::move(*read);
  }
  return const_cast<std::uint8_t*>(memory->pixels.get());
}

GstMemory* share_memory(GstMemory* base, gssize offset, gssize size) noexcept {
  const gsize wanted =
      size < 0 ? base->size - static_cast<gsize>(offset) : static_cast<gsize>(size);
  GstMemory* parent = base->parent != nullptr ? base->parent : base;
  return make(cast(base)->frame, parent, base->offset + static_cast<gsize>(offset), wanted);
}

void free_memory(GstAllocator*, GstMemory* base) noexcept { delete cast(base); }

void init_class(gpointer klass, gpointer) noexcept {
  auto* allocator = static_cast<GstAllocatorClass*>(klass);
  // Memories come from make_gpu_memory alone: without a frame there is nothing to allocate.
  allocator->alloc = [](GstAllocator*, gsize, GstAllocationParams*) noexcept -> GstMemory* {
    return nullptr;
  };
  allocator->free = free_memory;
}

void init_allocator(GTypeInstance* instance, gpointer) noexcept {
  auto* allocator = reinterpret_cast<GstAllocator*>(instance);
  allocator->mem_type = kMemoryType;
  allocator->mem_map = map_memory;
  allocator->mem_unmap = [](GstMemory*) noexcept {};
  allocator->mem_share = share_memory;
  GST_OBJECT_FLAG_SET(allocator, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

// Each copy of the code has a type and an allocator of its own: a class of the other copy would run the other's functions.
GType register_type() {
  std::string name = "NapariGpuFrameAllocator";
  for (int copy = 2; g_type_from_name(name.c_str()) != G_TYPE_INVALID; ++copy)
    name = fmt::format("NapariGpuFrameAllocator{}", copy);
  return g_type_register_static_simple(GST_TYPE_ALLOCATOR, g_intern_string(name.c_str()),
                                       sizeof(GstAllocatorClass), init_class, sizeof(GstAllocator),
                                       init_allocator, GTypeFlags{});
}

GstAllocator* our_allocator() {
  static GstAllocator* const allocator = [] {
    auto* made = static_cast<GstAllocator*>(g_object_new(register_type(), nullptr));
    gst_object_ref_sink(made);
    // For the life of the process, since memories may outlive everything else of ours.
    GST_OBJECT_FLAG_SET(made, GST_OBJECT_FLAG_MAY_BE_LEAKED);
    return made;
  }();
  return allocator;
}

GstMemory* make(GpuFramePtr frame, GstMemory* parent, gsize offset, gsize size) {
  const data::CanvasSize canvas = frame->size();
  const gsize whole =
      static_cast<gsize>(canvas.width_px) * static_cast<gsize>(canvas.height_px) * 4;
  auto* memory = new GpuMemory{};
  memory->frame = std::move(frame);
  gst_memory_init(&memory->base, GST_MEMORY_FLAG_READONLY, our_allocator(), parent, whole, 0,
                  offset, size);
  return &memory->base;
}

}  // namespace

GstMemory* make_gpu_memory(GpuFramePtr frame) {
  const data::CanvasSize size = frame->size();
  const gsize bytes = static_cast<gsize>(size.width_px) * static_cast<gsize>(size.height_px) * 4;
  return make(std::move(frame), nullptr, 0, bytes);
}

GstBuffer* make_gpu_buffer(GpuFramePtr frame) {
  GstBuffer* buffer = gst_buffer_new();
  gst_buffer_append_memory(buffer, make_gpu_memory(std::move(frame)));
  return buffer;
}

GpuFramePtr find_gpu_frame(GstBuffer* buffer) {
  if (gst_buffer_n_memory(buffer) != 1) return nullptr;
  GstMemory* memory = gst_buffer_peek_memory(buffer, 0);
  // The allocator itself, not its name or type: the other copy's memories have the same name and maybe another layout.
  if (memory->allocator != our_allocator()) return nullptr;
  const bool whole = memory->offset == 0 && memory->size == memory->maxsize;
  return whole ? cast(memory)->frame : nullptr;
}

}  // namespace napari::engine
