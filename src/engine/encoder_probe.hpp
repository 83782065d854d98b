// Whether an encoder opens here and now: it encodes one grey picture at the configured size in a pipeline of its own, in device
// memory where it takes that, else in system memory. Stock NVENC elements say why not in the log alone (NV_ENC_ERR_…), so the
// probe reads the log while it runs. Results are kept for the process: successes for good, failures for half a minute, since a
// session limit or full memory passes. Threads: any, one probe at a time.
#pragma once

#include <string>
#include <string_view>

#include "engine/encoder_choice.hpp"

namespace napari::engine {

// The error is the reason it cannot be used.
[[nodiscard]] gstx::Result<void> probe_encoder(const EncoderCandidate& candidate,
                                               const EncoderSettings& settings);

// Tries all anew from now on.
void forget_probe_results();

// "… NV_ENC_ERR_OUT_OF_MEMORY (10)" with what that means for a user; without a known code the text as it is. Pure.
[[nodiscard]] std::string explain_nvenc_error(std::string_view text);

}  // namespace napari::engine
