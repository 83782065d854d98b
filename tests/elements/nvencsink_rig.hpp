// A pipeline around naparinvencsink whose source the test drives frame by frame, which answers repaint requests as
// naparieglsrc does, and which notes every access unit and every message. Waiting is polling with a deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "engine/frame_meta.hpp"
#include "gstx/gst_ref.hpp"
#include "nvencsink/naparinvencsink.h"

namespace napari::elements::testing {

struct RigParams {
  std::string encoder{"x264"};
  data::CanvasSize size{320, 180};
  std::string colorimetry{"bt709"};
  int fps{60};
  bool answer_repaint{true};
  std::string between;  // elements between the source and the sink, as gst-launch-1.0 has them
};

struct Unit {
  std::vector<std::uint8_t> bytes;
  bool keyframe{false};
  bool has_info{false};
  data::FrameInfo info;
  GstClockTime pts{0};
};

// Polls until `done` or 10 s have passed.
bool wait_until(const std::function<bool()>& done, int timeout_ms = 10'000);

class Consumer {
 public:
  // `description` is a gst-launch bin with one unlinked sink pad, ending in "fakesink name=end".
  Consumer(GstElement* pipeline, GstElement* sink, const std::string& description);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer();

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] Unit unit(std::size_t index) const;
  [[nodiscard]] GstPad* pad() const { return pad_.get(); }
  [[nodiscard]] gstx::Ref<GstPad> input() const;
  [[nodiscard]] std::int64_t linked_us() const { return linked_us_; }
  [[nodiscard]] std::int64_t first_us() const;  // when the first buffer came; 0: none yet
  void unlink();
  void link();
  void release();

 private:
  void on_buffer(GstBuffer* buffer);

  gstx::Ref<GstElement> pipeline_;
  gstx::Ref<GstElement> sink_;
  gstx::Ref<GstElement> bin_;
  gstx::Ref<GstPad> pad_;
  std::int64_t linked_us_{0};
  std::int64_t first_us_{0};
  mutable std::mutex mutex_;
  std::vector<Unit> units_;
};

class Rig {
 public:
  explicit Rig(const RigParams& params = {});
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig();

  void play();
  void stop();
  void push(const data::FrameInfo& info);  // the test picture number info.frame_id
  void push_picture(gstx::Ref<GstBuffer> picture, const data::FrameInfo& info);
  void push_frames(int count);  // moving, numbered on
  void end() { gst_app_src_end_of_stream(GST_APP_SRC(source_.get())); }

  // Encodes `count` frames one by one: pushes the next when the last is out.
  bool encode(int count);
  bool encode(const data::FrameInfo& info);

  [[nodiscard]] std::size_t units() const;
  [[nodiscard]] Unit unit(std::size_t index) const;
  [[nodiscard]] std::size_t keyframes() const;
  bool wait_for_units(std::size_t count) {
    return wait_until([&] { return units() >= count; });
  }
  bool wait_for_eos();
  [[nodiscard]] std::vector<std::string> take_messages(GstMessageType type);

  [[nodiscard]] gstx::Ref<GstElement> find(const char* factory) const;  // inside the sink; null
  [[nodiscard]] std::string string_property(const char* name) const;
  [[nodiscard]] GstElement* pipeline() const { return pipeline_.get(); }
  [[nodiscard]] GstElement* sink() const { return sink_.get(); }
  [[nodiscard]] GstElement* source() const { return source_.get(); }
  [[nodiscard]] int repaints() const;
  [[nodiscard]] int credits() const;
  [[nodiscard]] std::uint64_t last_frame() const { return next_frame_ - 1; }
  [[nodiscard]] const RigParams& params() const { return params_; }

 private:
  void build();
  void on_unit(GstSample* sample);
  void on_upstream_event(GstEvent* event);
  void drain_bus();

  RigParams params_;
  gstx::Ref<GstElement> pipeline_;
  gstx::Ref<GstElement> source_;
  gstx::Ref<GstElement> sink_;
  std::uint64_t next_frame_{1};
  mutable std::mutex mutex_;
  gstx::Ref<GstBuffer> last_picture_;
  std::vector<Unit> units_;
  int repaints_{0};
  int credits_{0};
  bool eos_{false};
  std::vector<std::pair<GstMessageType, std::string>> messages_;
};

// A moving test picture in NV12, luma in 16..235.
gstx::Ref<GstBuffer> make_picture(data::CanvasSize size, std::uint64_t number);
// A slice-like picture: gradients, structure and noise inside a disc.
gstx::Ref<GstBuffer> make_slice_picture(data::CanvasSize size, int shift_px);

[[nodiscard]] Unit to_unit(GstBuffer* buffer);

}  // namespace napari::elements::testing
