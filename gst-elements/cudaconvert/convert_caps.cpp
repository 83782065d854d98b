#include "cudaconvert/convert_caps.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace napari::elements {
namespace {

using engine::MemoryKind;

constexpr int kSizeMin = 2;

struct Bounds {
  int low{kSizeMin};
  int high{kConvertSizeMax};
};

// The hull of an int, a range or a list; everything where the field is missing.
Bounds bounds_of(const GValue* value) {
  if (value == nullptr) return {};
  if (G_VALUE_HOLDS_INT(value)) return {g_value_get_int(value), g_value_get_int(value)};
  if (GST_VALUE_HOLDS_INT_RANGE(value))
    return {gst_value_get_int_range_min(value), gst_value_get_int_range_max(value)};
  if (!GST_VALUE_HOLDS_LIST(value) || gst_value_list_get_size(value) == 0) return {};
  Bounds hull{kConvertSizeMax, kSizeMin};
  for (guint i = 0; i < gst_value_list_get_size(value); ++i) {
    const Bounds entry = bounds_of(gst_value_list_get_value(value, i));
    hull = {std::min(hull.low, entry.low), std::max(hull.high, entry.high)};
  }
  return hull;
}

void set_size(GstStructure* structure, const char* field, Bounds bounds, int step) {
  const int low = (std::max(bounds.low, kSizeMin) + step - 1) / step * step;
  const int high = std::min(bounds.high, kConvertSizeMax) / step * step;
  if (low >= high)
    gst_structure_set(structure, field, G_TYPE_INT, low, nullptr);
  else if (step == 1)
    gst_structure_set(structure, field, GST_TYPE_INT_RANGE, low, high, nullptr);
  else {
    GValue range = G_VALUE_INIT;
    g_value_init(&range, GST_TYPE_INT_RANGE);
    gst_value_set_int_range_step(&range, low, high, step);
    gst_structure_take_value(structure, field, &range);
  }
}

void set_strings(GstStructure* structure, const char* field,
                 std::initializer_list<const char*> texts) {
  GValue list = G_VALUE_INIT;
  gst_value_list_init(&list, static_cast<guint>(texts.size()));
  for (const char* text : texts) {
    GValue entry = G_VALUE_INIT;
    g_value_init(&entry, G_TYPE_STRING);
    g_value_set_static_string(&entry, text);
    gst_value_list_append_and_take_value(&list, &entry);
  }
  gst_structure_take_value(structure, field, &list);
}

bool may_have_format(const GstStructure* structure, std::initializer_list<const char*> formats) {
  const GValue* value = gst_structure_get_value(structure, "format");
  if (value == nullptr) return true;
  return std::any_of(formats.begin(), formats.end(), [&](const char* format) {
    GValue wanted = G_VALUE_INIT;
    g_value_init(&wanted, G_TYPE_STRING);
    g_value_set_static_string(&wanted, format);
    const bool found = gst_value_can_intersect(value, &wanted) != FALSE;
    g_value_unset(&wanted);
    return found;
  });
}

// A copy without what belongs to one pixel format or one size.
GstStructure* copy_common(const GstStructure* structure) {
  GstStructure* common = gst_structure_copy(structure);
  gst_structure_remove_fields(common, "format", "colorimetry", "chroma-site", "width", "height",
                              nullptr);
  return common;
}

GstStructure* video_structure(const GstStructure* rgba, bool subsampled) {
  GstStructure* video = copy_common(rgba);
  set_strings(video, "colorimetry", {"bt709", "bt601"});
  if (subsampled) {
    set_strings(video, "format", {"NV12", "I420"});
    gst_structure_set(video, "chroma-site", G_TYPE_STRING, "jpeg", nullptr);
  } else {
    gst_structure_set(video, "format", G_TYPE_STRING, "Y444", nullptr);
  }
  const int step = subsampled ? 2 : 1;
  for (const char* field : {"width", "height"}) {
    const Bounds source = bounds_of(gst_structure_get_value(rgba, field));
    set_size(video, field, {source.low, kConvertSizeMax}, step);
  }
  return video;
}

GstStructure* rgba_structure(const GstStructure* video) {
  GstStructure* rgba = copy_common(video);
  gst_structure_set(rgba, "format", G_TYPE_STRING, "RGBA", nullptr);
  for (const char* field : {"width", "height"}) {
    const Bounds target = bounds_of(gst_structure_get_value(video, field));
    set_size(rgba, field, {kSizeMin, target.high}, 1);
  }
  return rgba;
}

GstStructure* unchanged_structure(const GstStructure* structure) {
  GstStructure* same = gst_structure_copy(structure);
  gst_structure_set(same, "format", G_TYPE_STRING, "RGBA", nullptr);
  return same;
}

}  // namespace

namespace {

// In the order in which an element that knows all of them prefers them.
constexpr std::array kAllKinds{MemoryKind::cuda, MemoryKind::gpu_frame, MemoryKind::system};

GstCaps* parse_for(const char* text, std::span<const MemoryKind> kinds) {
  GstCaps* fields = gst_caps_from_string(text);
  GstCaps* all = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(fields); ++i)
    gst_caps_append(all, engine::make_caps_for(gst_caps_get_structure(fields, i), kinds));
  gst_caps_unref(fields);
  return all;
}

void merge(GstCaps*& caps, GstStructure* structure, MemoryKind kind) {
  caps = gst_caps_merge(caps, engine::make_caps_for(structure, std::array{kind}));
  gst_structure_free(structure);
}

// What video of `kind` comes out of, best first.
std::span<const MemoryKind> sources_of(MemoryKind kind) {
  static constexpr std::array kOfCuda{MemoryKind::cuda};
  static constexpr std::array kOfSystem{MemoryKind::gpu_frame, MemoryKind::system};
  if (kind == MemoryKind::cuda) return kOfCuda;
  if (kind == MemoryKind::system) return kOfSystem;
  return {};
}

}  // namespace

GstCaps* make_convert_sink_caps() {
  return parse_for(
      "video/x-raw, format=(string)RGBA, width=(int)[2, 16384], height=(int)[2, 16384], "
      "framerate=(fraction)[0/1, 2147483647/1]",
      kAllKinds);
}

GstCaps* make_convert_source_caps() {
  GstCaps* video = parse_for(
      "video/x-raw, format=(string){ NV12, I420 }, width=(int)[2, 16384, 2], height=(int)[2, "
      "16384, 2], "
      "framerate=(fraction)[0/1, 2147483647/1], colorimetry=(string){ bt709, bt601 }, "
      "chroma-site=(string)jpeg; "
      "video/x-raw, format=(string)Y444, width=(int)[2, 16384], height=(int)[2, 16384], "
      "framerate=(fraction)[0/1, 2147483647/1], colorimetry=(string){ bt709, bt601 }",
      std::array{MemoryKind::cuda, MemoryKind::system});
  gst_caps_append(video, make_convert_sink_caps());
  return video;
}

GstCaps* transform_convert_caps(GstPadDirection direction, GstCaps* caps, bool flip) {
  GstCaps* result = gst_caps_new_empty();
  GstCaps* unchanged = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const GstStructure* structure = gst_caps_get_structure(caps, i);
    const bool rgba = may_have_format(structure, {"RGBA"});
    const bool video = may_have_format(structure, {"NV12", "I420", "Y444"});
    for (const MemoryKind kind : kAllKinds) {
      if (!engine::allows_memory(caps, i, kind)) continue;
      const MemoryKind out = kind == MemoryKind::cuda ? kind : MemoryKind::system;
      if (direction == GST_PAD_SINK && rgba) {
        merge(result, video_structure(structure, true), out);
        merge(result, video_structure(structure, false), out);
      } else if (direction == GST_PAD_SRC && video) {
        for (const MemoryKind source : sources_of(kind))
          merge(result, rgba_structure(structure), source);
      }
      if (rgba && !flip) merge(unchanged, unchanged_structure(structure), kind);
    }
  }
  return gst_caps_merge(result, unchanged);
}

GstCaps* fixate_convert_caps(GstCaps* other, data::CanvasSize wanted) {
  other = gst_caps_truncate(gst_caps_make_writable(other));
  GstStructure* structure = gst_caps_get_structure(other, 0);
  gst_structure_fixate_field_nearest_int(structure, "width", wanted.width_px);
  gst_structure_fixate_field_nearest_int(structure, "height", wanted.height_px);
  return gst_caps_fixate(other);
}

}  // namespace napari::elements
