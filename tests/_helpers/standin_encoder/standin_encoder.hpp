// A test double of GStreamer's NVENC elements, since no machine that tests this has NVENC: registered under their names, with their
// caps and properties (standin_tables) and their manners: pictures are taken at once and come out of a thread of the element's
// own, and a session that does not open is said in the log alone. Inside, x264enc really encodes. Never part of the product.
// Threads: orders may change at any time; an element's own as GstVideoEncoder's.
#pragma once

#include <string>

#include <gst/gst.h>

#include "_helpers/standin_encoder/standin_tables.hpp"

namespace napari::standin {

// What it is told to do wrong. The environment says the same to the plug-in: NAPARI_STANDIN_ORDERS="refuse", "die-after=10",
// "stall-after=10", "hold-after=10", and NAPARI_STANDIN_RELEASE=1.22.
// The counts are an element's own; below 0: never.
struct Orders {
  bool refuse{false};   // the session does not open: NV_ENC_ERR_OUT_OF_MEMORY
  int die_after{-1};    // an error instead of picture number n + 1
  int stall_after{-1};  // it takes pictures, and nothing comes out from number n + 1 on
  int hold_after{-1};   // whoever brings picture number n + 1 does not come back
  bool says_baseline{
      false};  // as drivers whose parameter sets lack the flag of the constrained profile
};

void set_orders(const Orders& orders);  // for all elements, also those that are there
void release_held();                    // lets go of whom `hold_after` holds

// Registers both names as `release` has them; a name that the release lacks is taken away. `plugin` may be null.
bool register_elements(GstPlugin* plugin, Release release);
void unregister_elements();

// Of the process, all elements together.
struct Counts {
  int sessions_opened{0};
  int sessions_open{0};
  int pictures_in_device_memory{0};
  int pictures_in_system_memory{0};
};
[[nodiscard]] Counts counts();

}  // namespace napari::standin
