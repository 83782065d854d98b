#include "engine/frame_meta.hpp"

#include <type_traits>

namespace napari::engine {
namespace {

static_assert(std::is_trivially_copyable_v<data::FrameInfo>,
              "the meta is memory that GStreamer allocates and frees");

constexpr const char* kApiName = "NapariFrameMetaAPI";
constexpr const char* kMetaName = "NapariFrameMeta";

gboolean init_meta(GstMeta* meta, gpointer, GstBuffer*) {
  reinterpret_cast<FrameMeta*>(meta)->info = data::FrameInfo{};
  return TRUE;
}

// Every transform (copy, scale, convert, encode) leaves it the same picture.
gboolean transform_meta(GstBuffer* destination, GstMeta* meta, GstBuffer*, GQuark, gpointer) {
  add_frame_meta(destination, reinterpret_cast<FrameMeta*>(meta)->info);
  return TRUE;
}

}  // namespace

GType frame_meta_api_type() {
  static const GType type = [] {
    if (const GType existing = g_type_from_name(kApiName); existing != 0) return existing;
    const gchar* tags[] = {nullptr};
    return gst_meta_api_type_register(kApiName, tags);
  }();
  return type;
}

const GstMetaInfo* frame_meta_info() {
  static const GstMetaInfo* const info = [] {
    const GType api = frame_meta_api_type();
    const GstMetaInfo* existing = gst_meta_get_info(kMetaName);
    if (existing != nullptr && existing->size == sizeof(FrameMeta)) return existing;
    return gst_meta_register(api, kMetaName, sizeof(FrameMeta), init_meta, nullptr, transform_meta);
  }();
  return info;
}

void add_frame_meta(GstBuffer* buffer, const data::FrameInfo& info) {
  auto* meta = reinterpret_cast<FrameMeta*>(gst_buffer_get_meta(buffer, frame_meta_api_type()));
  if (meta == nullptr)
    meta = reinterpret_cast<FrameMeta*>(gst_buffer_add_meta(buffer, frame_meta_info(), nullptr));
  if (meta != nullptr) meta->info = info;
}

const data::FrameInfo* find_frame_info(GstBuffer* buffer) {
  const auto* meta =
      reinterpret_cast<const FrameMeta*>(gst_buffer_get_meta(buffer, frame_meta_api_type()));
  return meta == nullptr ? nullptr : &meta->info;
}

}  // namespace napari::engine
