#include "engine/machine_probe.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

#include "data/core_budget.hpp"
#include "engine/api.hpp"
#include "engine/encoder_choice.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/make_engine.hpp"
#include "engine/renderer.hpp"
#include "gstx/unique.hpp"

namespace napari::engine {
namespace {

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string describe_cuda() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return "no driver (libcuda.so.1 is not there)";
  using Init = int (*)(unsigned);
  using Count = int (*)(int*);
  // The driver stays loaded: it does not survive being unloaded in a process that has used it.
  const auto init = reinterpret_cast<Init>(dlsym(driver, "cuInit"));
  const auto count = reinterpret_cast<Count>(dlsym(driver, "cuDeviceGetCount"));
  if (init == nullptr || count == nullptr) return "a libcuda.so.1 without cuInit";
  int devices = 0;
  if (const int failed = init(0); failed != 0)
    return fmt::format("cuInit fails with error {}", failed);
  if (const int failed = count(&devices); failed != 0)
    return fmt::format("cuDeviceGetCount fails with error {}", failed);
  return fmt::format("driver present, {} device{}", devices, devices == 1 ? "" : "s");
}

void probe_drawing(const EngineConfig& config, std::vector<std::string>& lines,
                   MachineVerdict& verdict) {
  const EngineConfig on_cpu{.backend = BackendChoice::cpu, .draw_threads = config.draw_threads};
  if (auto cpu = make_drawer(on_cpu); cpu)
    lines.push_back(fmt::format("cpu drawing: {}", cpu->drawer->name()));
  for (const GlDeviceNote& device : describe_gl_devices())
    lines.push_back(fmt::format("gl: {}", device.text));
  lines.push_back(fmt::format("cuda: {}", describe_cuda()));
  auto chosen = make_drawer(config);
  if (chosen) {
    verdict.draws_with = chosen->drawer->name();
    verdict.draw_reason = chosen->reason;
  } else {
    verdict.draw_reason = chosen.error().message;
  }
}

void probe_encoding(const EncoderSettings& settings, const std::string& choice,
                    std::vector<std::string>& lines, MachineVerdict& verdict) {
  auto candidates = candidates_for(choice);
  if (!candidates) {
    verdict.encoder_report = candidates.error().message;
  } else if (auto chosen = choose_encoder(*candidates, settings); chosen) {
    verdict.encodes_with = chosen->candidate.factory;
    verdict.encoder_report = chosen->report;
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
  for (const std::string& line : split_lines(verdict.encoder_report)) {
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
  probe_drawing(config, lines, verdict);
  probe_encoding({.size = size, .fps_numerator = fps}, encoder, lines, verdict);
  lines.push_back(verdict_sentence(verdict));
  return lines;
}

}  // namespace napari::engine
