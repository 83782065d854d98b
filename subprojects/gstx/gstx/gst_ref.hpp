// GStreamer's types for `Ref<T>`. Threads: as GStreamer's own.
#pragma once

#include <gst/gst.h>

#include "gstx/ref.hpp"

namespace gstx {

struct GstObjectRefTraits {
  static void ref(gpointer object) { gst_object_ref(object); }
  static void unref(gpointer object) { gst_object_unref(object); }
};
struct GstMiniObjectRefTraits {
  static void ref(gpointer object) { gst_mini_object_ref(GST_MINI_OBJECT_CAST(object)); }
  static void unref(gpointer object) { gst_mini_object_unref(GST_MINI_OBJECT_CAST(object)); }
};

template <>
struct RefTraits<GstElement> : GstObjectRefTraits {};
template <>
struct RefTraits<GstPad> : GstObjectRefTraits {};
template <>
struct RefTraits<GstBus> : GstObjectRefTraits {};
template <>
struct RefTraits<GstObject> : GstObjectRefTraits {};
template <>
struct RefTraits<GstElementFactory> : GstObjectRefTraits {};
template <>
struct RefTraits<GstPadTemplate> : GstObjectRefTraits {};
template <>
struct RefTraits<GstClock> : GstObjectRefTraits {};
template <>
struct RefTraits<GstBufferPool> : GstObjectRefTraits {};
template <>
struct RefTraits<GstAllocator> : GstObjectRefTraits {};
template <>
struct RefTraits<GstBuffer> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstCaps> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstEvent> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstQuery> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstMessage> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstSample> : GstMiniObjectRefTraits {};
template <>
struct RefTraits<GstMemory> : GstMiniObjectRefTraits {};

}  // namespace gstx
