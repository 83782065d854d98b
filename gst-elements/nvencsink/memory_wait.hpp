// Between an encoder that took device memory and its successor that does not: upstream has been asked to renegotiate, what still
// comes in the old memory is dropped, and what downstream must not see before the new caps is held back. Bounded in time.
// Not the choice. Threads: [stream] of the queue.
#pragma once

#include <cstdint>

#include <gst/gst.h>

namespace napari::elements {

class MemoryWait {
 public:
  [[nodiscard]] bool active() const { return began_ns_ != 0; }
  void begin();  // once; again while it lasts changes nothing
  void end() { *this = {}; }

  // A picture in the old memory has been dropped. False: upstream has had its chances.
  [[nodiscard]] bool drop();

  // Of a serialized event that comes meanwhile. EOS goes past the place where the encoder will be, into `after`; sticky ones wait
  // for `replay`; others are of no use to anybody. Takes the event.
  [[nodiscard]] bool take_event(GstEvent* event, GstElement* after);
  // What `sink_pad` got meanwhile, pushed out of `source_pad`: first what precedes caps, and afterwards what follows them.
  void replay_before_caps(GstPad* sink_pad, GstPad* source_pad) const;
  void replay_after_caps(GstPad* sink_pad, GstPad* source_pad) const;

 private:
  std::int64_t began_ns_{0};
  int dropped_{0};
  bool held_{false};
};

}  // namespace napari::elements
