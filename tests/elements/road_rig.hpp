// Runs pipelines by their gst-launch text and keeps what arrives at `appsink name=out` as tight planes, so that two roads to the
// same video can be compared code for code. Threads: the test's. Ownership: a Road owns its pipeline and stops it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include "engine/elements.hpp"
#include "gstx/gst_ref.hpp"

namespace napari::elements {

struct RoadPicture {
  std::string format;
  data::CanvasSize size;
  std::vector<std::uint8_t> planes;  // tight, one after the other
  std::uint64_t frame_id{0};         // 0: the meta did not arrive
};

class Road {
 public:
  // `line` has `name=src` where a delegate is given.
  explicit Road(const std::string& line, engine::RenderDelegatePtr delegate = nullptr);
  ~Road();
  Road(const Road&) = delete;
  Road& operator=(const Road&) = delete;

  void play();
  void stop();  // to NULL; may play again
  // Whether a picture came within 10 s (more under a sanitizer).
  [[nodiscard]] bool next(RoadPicture& picture);
  [[nodiscard]] gstx::Ref<GstSample> next_sample();
  // Until the end of the stream.
  [[nodiscard]] std::vector<RoadPicture> all();

  [[nodiscard]] GstElement* element(const char* name) const;  // borrowed
  void set_caps(const char* capsfilter, const std::string& caps);
  [[nodiscard]] std::vector<std::string> errors() { return messages(GST_MESSAGE_ERROR); }
  [[nodiscard]] std::vector<std::string> warnings() { return messages(GST_MESSAGE_WARNING); }

 private:
  [[nodiscard]] std::vector<std::string> messages(GstMessageType type);

  gstx::Ref<GstElement> pipeline_;
  gstx::Ref<GstElement> sink_;
};

// The largest difference of two codes; -1 where the pictures are not of one form.
[[nodiscard]] int difference(const RoadPicture& left, const RoadPicture& right);

}  // namespace napari::elements
