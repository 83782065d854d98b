// What this machine can draw and encode with, and why not with something better: probe_machine() of engine/api.hpp.
// The sentence is apart, so that its wording is tested without a machine. Threads: any.
#pragma once

#include <string>

namespace napari::engine {

struct MachineVerdict {
  std::string draws_with, draw_reason;
  std::string encodes_with;    // empty: no encoder opens
  std::string encoder_report;  // a line a candidate
};

// "draws with X, encodes with Y, because Z".
[[nodiscard]] std::string verdict_sentence(const MachineVerdict& verdict);

}  // namespace napari::engine
