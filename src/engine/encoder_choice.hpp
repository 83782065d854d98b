// Which H.264 encoder this machine can run, decided by opening it and encoding one picture at the configured size, never
// by a GPU's name; and how each of them is set up for one picture in, one access unit out. The probe is encoder_probe's.
// Not the swap of a running encoder: that is naparinvencsink's.
// Threads: any. A made element is the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gst/gst.h>

#include "data/types.hpp"
#include "gstx/gst_ref.hpp"
#include "gstx/result.hpp"

namespace napari::engine {

struct EncoderSettings {
  data::CanvasSize size;
  int fps_numerator{60};
  int fps_denominator{1};
  std::int64_t bitrate_bps{12'000'000};
  std::int64_t max_bitrate_bps{0};  // while a picture settles; 0: derived from size and bitrate
  int threads{0};                   // 0: what the process may use

  [[nodiscard]] double fps() const {
    return static_cast<double>(fps_numerator) / static_cast<double>(fps_denominator);
  }
};

enum class EncoderKind { nvenc_cuda, nvenc, x264, openh264 };

struct EncoderCandidate {
  EncoderKind kind;
  const char* factory;  // "x264enc"
  const char* choice;   // what `encoder=` calls it
  const char*
      input_format;  // the one it takes, where it takes one only: needs a converter for the other
};

[[nodiscard]] bool is_nvenc(EncoderKind kind);

// What leaves the encoder, for a filter behind it.
[[nodiscard]] gstx::Ref<GstCaps> encoder_output_caps(EncoderKind kind);

// Best first.
[[nodiscard]] std::span<const EncoderCandidate> encoder_candidates();

// "auto", "nvenc", "x264" or "openh264"; anything else is an error that names them.
[[nodiscard]] gstx::Result<std::vector<EncoderCandidate>> candidates_for(std::string_view choice);

// A configured element, floating reference taken.
[[nodiscard]] gstx::Result<gstx::Ref<GstElement>> make_encoder(const EncoderCandidate& candidate,
                                                               const EncoderSettings& settings);

// Changes the budget of a running encoder, without a restart and without a keyframe.
void set_encoder_bitrate(GstElement* encoder, EncoderKind kind, std::int64_t bitrate_bps);

// What the encoder may spend while a picture settles: enough for 42 dB within 8 frames.
[[nodiscard]] std::int64_t settle_bitrate_bps(EncoderKind kind, const EncoderSettings& settings);

// The budget under which an IDR stays within 100 ms of the bit rate, for encoders without a buffer model.
[[nodiscard]] std::int64_t idr_bitrate_bps(EncoderKind kind, std::int64_t bitrate_bps, double fps);

struct EncoderChoice {
  EncoderCandidate candidate;
  std::string report;  // every candidate passed over with its reason, then the winner; a line each
};

// The first of `candidates` that opens.
[[nodiscard]] gstx::Result<EncoderChoice> choose_encoder(
    const std::vector<EncoderCandidate>& candidates, const EncoderSettings& settings);

}  // namespace napari::engine
