// What a GPU's video engines can do: codecs NVENC encodes, found by opening a session, and codecs NVDEC decodes. For `doctor`: what
// is encoded with is decided by encoder_choice, which opens the encoder itself. Needs no cuda.h and no Video Codec SDK; the
// libraries of the driver are loaded at run time. Threads: any; each call makes the device's primary context and lets go of it.
#pragma once

#include <string>
#include <vector>

#include "gstx/result.hpp"

namespace napari::engine {

struct NvencFacts {
  std::vector<std::string> codecs;  // "H.264", "HEVC", "AV1"
  int status{0};                    // NVENCSTATUS of opening a session
  std::string reason;               // why `codecs` is empty
};
[[nodiscard]] NvencFacts probe_nvenc(int ordinal);

struct NvdecCodec {
  std::string name;  // "H.264", "HEVC", "VP9", "AV1": 8 bits, 4:2:0
  int width_px_max{0};
  int height_px_max{0};
};
struct NvdecFacts {
  std::vector<NvdecCodec> codecs;
  std::string reason;  // why it is empty
};
[[nodiscard]] NvdecFacts probe_nvdec(int ordinal);

// What an NVENCSTATUS of opening a session means to a user. Pure.
[[nodiscard]] std::string nvenc_status_text(int status);

}  // namespace napari::engine
