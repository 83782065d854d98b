// The private talk between naparieglsrc and naparinvencsink, as custom GStreamer events and a query
// that pass through every element between them.
//   napari-repaint (upstream event)  hand out the last picture again: somebody needs a frame and
//   the scene is still napari-credit  (query, downstream) answered TRUE by a sink that grants
//   credits napari-credit  (upstream event)  the encoder has taken a frame and is ready for the
//   next
// A source that got TRUE draws only with a credit in hand, has one initially and after each flush
// or new caps, and holds at most one: a credit granted twice is the same credit, so a sink grants
// again whenever one may have been lost. Threads: any. Functions that take a pad borrow it; `make_`
// ones give the caller a full reference.
#pragma once

#include <gst/gst.h>

namespace napari::engine {

[[nodiscard]] GstEvent* make_repaint_event();
[[nodiscard]] bool is_repaint_event(GstEvent* event);

[[nodiscard]] GstEvent* make_credit_event();
[[nodiscard]] bool is_credit_event(GstEvent* event);

// Asks downstream of `source_pad`. False where nobody grants credits: the source then paces itself.
[[nodiscard]] bool query_credit(GstPad* source_pad);
[[nodiscard]] bool is_credit_query(GstQuery* query);

}  // namespace napari::engine
