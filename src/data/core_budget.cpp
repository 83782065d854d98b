#include "data/core_budget.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "data/cgroup.hpp"

namespace napari::data {

namespace {

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

std::optional<double> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

void lower(std::optional<double>& cores, std::optional<double> quota,
           std::optional<double> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return;
  cores = std::min(cores.value_or(*quota / *period), *quota / *period);
}

std::optional<double> cgroup_cores(const std::string& file_root) {
  std::optional<double> cores;
  const CgroupFolders folders = cgroup_folders(file_root, "cpu");
  for (const std::string& folder : folders.v2) {
    const auto line = read_first_line(folder + "/cpu.max");  // "max 100000" or "200000 100000"
    if (!line) continue;
    std::istringstream words(*line);
    std::string quota;
    std::string period;
    words >> quota >> period;
    lower(cores, number(quota), number(period));
  }
  for (const std::string& folder : folders.v1) {
    lower(cores, number(read_first_line(folder + "/cpu.cfs_quota_us")),
          number(read_first_line(folder + "/cpu.cfs_period_us")));
  }
  return cores;
}

std::optional<int> slurm_cores() {
  for (const char* name : {"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"}) {
    const char* text = std::getenv(name);
    const auto value = text != nullptr ? number(std::string(text)) : std::nullopt;
    if (value && *value >= 1 && *value <= 65536) return static_cast<int>(*value);
  }
  return std::nullopt;
}

}  // namespace

CoreFacts read_core_facts(const std::string& file_root) {
  return {.affinity = affinity_cores(),
          .cgroup_cores = cgroup_cores(file_root),
          .slurm_cores = slurm_cores()};
}

CoreBudget share_cores(const CoreFacts& facts) {
  CoreBudget budget;
  budget.usable = std::max(1, facts.affinity);
  const char* source = "affinity";
  if (facts.slurm_cores && *facts.slurm_cores < budget.usable) {
    budget.usable = std::max(1, *facts.slurm_cores);
    source = "Slurm";
  }
  // A quota of 1.5 cores still lets two threads run at once; below that a second one only gets
  // throttled.
  if (facts.cgroup_cores && *facts.cgroup_cores < budget.usable) {
    budget.usable = std::max(1, static_cast<int>(std::lround(*facts.cgroup_cores)));
    source = "control group quota";
  }
  const int usable = budget.usable;
  budget.encoder_threads = std::clamp(usable / 4, 1, 8);
  budget.draw_threads = usable <= 2 ? usable : std::clamp(usable - budget.encoder_threads, 2, 64);
  budget.loader_threads = std::clamp(usable / 2, 2, 8);
  budget.reason = fmt::format("{} core{} ({})", usable, usable == 1 ? "" : "s", source);
  return budget;
}

CoreBudget core_budget() { return share_cores(read_core_facts()); }

}  // namespace napari::data
