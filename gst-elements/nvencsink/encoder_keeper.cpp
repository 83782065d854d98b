#include "nvencsink/encoder_keeper.hpp"

#include <utility>

#include <fmt/format.h>

#include "gstx/gst_error.hpp"

namespace napari::elements {

using gstx::ErrorCode;
using gstx::Result;

void EncoderKeeper::reset() {
  parts_.slot->clear();
  parts_.idr->set_encoder(nullptr);
  offer_.open(parts_.shared->settings.copy().encoder);
  dead_factories_.clear();
  history_.clear();
  mourning_ = false;
  factory_ = nullptr;
}

void EncoderKeeper::count_out(const char* factory, const std::string& line) {
  dead_factories_.insert(factory);
  history_ += line + "\n";
  mourning_ = true;
}

void EncoderKeeper::bury(const std::string& reason) {
  if (factory_ == nullptr) return;
  count_out(factory_, fmt::format("{}: failed while playing: {}", factory_, reason));
  factory_ = nullptr;
  parts_.idr->set_encoder(nullptr);
  parts_.shared->watch.clear();
}

void EncoderKeeper::warn_of_swap() {
  if (!std::exchange(mourning_, false)) return;
  gstx::post_warning(parts_.bin,
                     {ErrorCode::unavailable, fmt::format("{}going on with {}", history_,
                                                          parts_.shared->encoder_name.copy())});
}

Result<EncoderKeeper::Outcome> EncoderKeeper::choose(const Input& input,
                                                     const std::string& wanted) {
  GSTX_ASSIGN_OR_RETURN(auto candidates, engine::candidates_for(wanted));
  while (true) {
    std::erase_if(candidates, [&](const engine::EncoderCandidate& candidate) {
      return dead_factories_.contains(candidate.factory);
    });
    GSTX_ASSIGN_OR_RETURN(const auto choice, engine::choose_encoder(candidates, input.settings));
    const engine::EncoderCandidate& chosen = choice.candidate;
    offer_.narrow(chosen);
    parts_.shared->encoder_report.with([&](auto& report) { report = history_ + choice.report; });
    parts_.shared->encoder_name.with([&](auto& name) { name = chosen.factory; });
    if (!engine::takes_memory(chosen, input.memory)) return Outcome::other_memory;
    const auto filled = parts_.slot->fill(chosen, input.settings, input.format);
    if (filled) {
      factory_ = chosen.factory;
      parts_.idr->set_encoder(parts_.slot->encoder());
      return Outcome::ready;
    }
    count_out(chosen.factory, filled.error().message);
  }
}

Result<EncoderKeeper::Outcome> EncoderKeeper::fill(Input& input) {
  const SinkSettings settings = parts_.shared->settings.copy();
  input.settings.bitrate_bps = settings.bitrate_bps;
  input.settings.max_bitrate_bps = settings.max_bitrate_bps;
  input.settings.threads = settings.threads;
  const auto outcome = choose(input, settings.encoder);
  if (!outcome) return gstx::fail(outcome.error().code, history_ + outcome.error().message);
  warn_of_swap();
  return *outcome;
}

}  // namespace napari::elements
