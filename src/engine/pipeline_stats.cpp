#include "engine/pipeline_stats.hpp"

#include <cstring>
#include <memory>

#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

bool is_made_by(GstElement* element, const char* factory) {
  GstElementFactory* made_by = gst_element_get_factory(element);
  return made_by != nullptr && std::strcmp(GST_OBJECT_NAME(made_by), factory) == 0;
}

std::string string_property(GstElement* element, const char* name) {
  char* text = nullptr;
  g_object_get(element, name, &text, nullptr);
  const gstx::UniqueString owned(text);
  return owned != nullptr ? std::string(owned.get()) : std::string();
}

void read_source(GstElement* source, PipelineStats& stats) {
  guint64 drawn = 0;
  guint64 draw_ns = 0;
  g_object_get(source, "frames-drawn", &drawn, "draw-time", &draw_ns, nullptr);
  stats.frames_drawn = drawn;
  stats.draw_ms_p50 = static_cast<double>(draw_ns) * 1e-6;
}

using UniqueStructure = std::unique_ptr<GstStructure, gstx::FreeWith<gst_structure_free>>;

void read_sink(GstElement* sink, PipelineStats& stats) {
  stats.encoder = string_property(sink, "encoder-name");
  stats.encoder_report = string_property(sink, "encoder-report");
  GstStructure* structure = nullptr;
  g_object_get(sink, "stats", &structure, nullptr);
  const UniqueStructure figures(structure);
  if (figures == nullptr) return;
  guint64 frames = 0;
  guint64 keyframes = 0;
  guint64 bytes = 0;
  gst_structure_get(figures.get(), "frames-encoded", G_TYPE_UINT64, &frames, "keyframes",
                    G_TYPE_UINT64, &keyframes, "bytes", G_TYPE_UINT64, &bytes, "encode-ms-p50",
                    G_TYPE_DOUBLE, &stats.encode_ms_p50, "fps", G_TYPE_DOUBLE, &stats.fps,
                    "bitrate", G_TYPE_DOUBLE, &stats.bitrate_bps, nullptr);
  stats.frames_encoded = frames;
  stats.keyframes = keyframes;
  stats.bytes_encoded = bytes;
}

}  // namespace

GstElement* find_by_factory(GstBin* bin, const char* factory) {
  GstElement* found = nullptr;
  GST_OBJECT_LOCK(bin);
  for (GList* item = bin->children; item != nullptr && found == nullptr; item = item->next)
    if (is_made_by(GST_ELEMENT(item->data), factory)) found = GST_ELEMENT(item->data);
  GST_OBJECT_UNLOCK(bin);
  return found;
}

PipelineStats read_pipeline_stats(GstBin* bin) {
  PipelineStats stats;
  if (GstElement* source = find_by_factory(bin, "naparieglsrc"); source != nullptr)
    read_source(source, stats);
  if (GstElement* sink = find_by_factory(bin, "naparinvencsink"); sink != nullptr)
    read_sink(sink, stats);
  return stats;
}

}  // namespace napari::engine
