// What was known about a picture when it was drawn, riding on its GstBuffer through converters,
// encoders, parsers and tees: the transform function copies it for every transform type. Not a
// timestamp, and never to be replaced by one (x264enc shifts PTS). The same code may be in a
// process twice (server and plugin): the types are looked up by name first. Threads: any; a
// buffer's metas belong to whoever may write the buffer.
#pragma once

#include <gst/gst.h>

#include "data/encoded_frame.hpp"

namespace napari::engine {

struct FrameMeta {
  GstMeta meta;
  data::FrameInfo info;
};

[[nodiscard]] GType frame_meta_api_type();
[[nodiscard]] const GstMetaInfo* frame_meta_info();

// Sets the info of a writable buffer, replacing the one it has.
void add_frame_meta(GstBuffer* buffer, const data::FrameInfo& info);

// Null where the buffer carries none. Valid as long as the buffer is.
[[nodiscard]] const data::FrameInfo* find_frame_info(GstBuffer* buffer);

}  // namespace napari::engine
