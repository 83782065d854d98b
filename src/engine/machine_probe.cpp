#include "engine/machine_probe.hpp"

#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <gst/gst.h>

#include "data/core_budget.hpp"
#include "engine/api.hpp"
#include "engine/device_choice.hpp"
#include "engine/encoder_choice.hpp"
#include "engine/encoder_memory.hpp"
#include "engine/gpu_report.hpp"
#include "engine/make_engine.hpp"
#include "engine/renderer.hpp"
#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

constexpr const char* kCudaMemory = "memory:CUDAMemory";

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

// "a: why" and "b: why" are "a, b: why".
std::vector<std::string> merge_reasons(const std::vector<std::string>& lines) {
  std::vector<std::string> merged;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(": ");
    const bool same = !merged.empty() && colon != std::string::npos &&
                      merged.back().size() > line.size() - colon &&
                      merged.back().compare(merged.back().size() - (line.size() - colon),
                                            std::string::npos, line, colon) == 0;
    if (same)
      merged.back().insert(merged.back().size() - (line.size() - colon),
                           ", " + line.substr(0, colon));
    else
      merged.push_back(line);
  }
  return merged;
}

void probe_drawing(const EngineConfig& config, std::vector<std::string>& lines,
                   MachineVerdict& verdict, RoadFacts& road) {
  const EngineConfig on_cpu{.backend = BackendChoice::cpu, .draw_threads = config.draw_threads};
  if (auto cpu = make_drawer(on_cpu); cpu)
    lines.push_back(fmt::format("cpu drawing: {}", cpu->drawer->name()));
  const GpuReport report = gather_gpus();
  for (std::string& line : describe_gpus(report)) lines.push_back(std::move(line));
  auto chosen = make_drawer(config);
  if (chosen) {
    verdict.draws_with = chosen->drawer->name();
    verdict.draw_reason = chosen->reason;
    road.draws_on_gpu = chosen->drawer->draws_on_gpu();
  } else {
    verdict.draw_reason = chosen.error().message;
  }
  road.gpu = fmt::format("EGL device {}", config.device);
  road.kernel = gstx::fail(gstx::ErrorCode::unsupported, "no NVIDIA GPU");
  const auto device = resolve_device(config.device);
  if (!report.gpus || !device) return;
  for (const GpuFacts& facts : *report.gpus) {
    if (facts.device.cuda_ordinal != *device) continue;
    road.gpu = fmt::format("GPU {} ({})", *device, facts.device.name);
    road.kernel = facts.kernel;
  }
}

void probe_encoding(const EncoderSettings& settings, const std::string& choice,
                    std::vector<std::string>& lines, MachineVerdict& verdict, RoadFacts& road) {
  auto candidates = candidates_for(choice);
  if (!candidates) {
    verdict.encoder_report = candidates.error().message;
  } else if (auto chosen = choose_encoder(*candidates, settings); chosen) {
    verdict.encodes_with = chosen->candidate.factory;
    verdict.encoder_report = chosen->report;
    road.encoder = chosen->candidate.factory;
    road.encoder_asked_for = choice != "auto";
    road.encodes_on_gpu = is_nvenc(chosen->candidate.kind);
    road.takes_cuda = takes_memory(chosen->candidate, kCudaMemory);
  } else {
    verdict.encoder_report = chosen.error().message;
  }
  for (const std::string& line : split_lines(verdict.encoder_report))
    lines.push_back(fmt::format("encoder: {}", line));
}

}  // namespace

std::string verdict_sentence(const MachineVerdict& verdict) {
  std::string reasons = verdict.draw_reason;
  const std::string winner = verdict.encodes_with + ": ";
  for (const std::string& line : merge_reasons(split_lines(verdict.encoder_report))) {
    if (!verdict.encodes_with.empty() && line.rfind(winner, 0) == 0) continue;
    if (!reasons.empty()) reasons += "; ";
    reasons += line;
  }
  return fmt::format("draws with {}, encodes with {}, because {}",
                     verdict.draws_with.empty() ? "nothing" : verdict.draws_with,
                     verdict.encodes_with.empty() ? "nothing" : verdict.encodes_with,
                     reasons.empty() ? "nothing better was asked for" : reasons);
}

std::vector<std::string> probe_machine(const EngineConfig& config, data::CanvasSize size, int fps,
                                       const std::string& encoder) {
  std::vector<std::string> lines{fmt::format("cores: {}", data::core_budget().reason)};
  MachineVerdict verdict;
  if (auto up = ensure_gstreamer(); !up) {
    verdict.encoder_report = up.error().message;
    lines.push_back(fmt::format("gstreamer: {}", up.error().message));
    lines.push_back(verdict_sentence(verdict));
    return lines;
  }
  lines.push_back(fmt::format("gstreamer: {}", gstx::UniqueString(gst_version_string()).get()));
  RoadFacts road{.kernel = std::string()};
  probe_drawing(config, lines, verdict, road);
  probe_encoding({.size = size, .fps_numerator = fps}, encoder, lines, verdict, road);
  lines.push_back(describe_road(road));
  lines.push_back(verdict_sentence(verdict));
  return lines;
}

}  // namespace napari::engine
