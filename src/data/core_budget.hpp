// How many cores this process may use, and the one policy that shares them out. Threads: any.
#pragma once

#include <optional>
#include <string>

namespace napari::data {

// What limits the process; each source is absent where it says nothing.
struct CoreFacts {
  int affinity{1};                     // CPUs in the affinity mask
  std::optional<double> cgroup_cores;  // CPU quota of the control group, v2 or v1, the smallest on
                                       // the way to the root
  std::optional<int> slurm_cores;      // SLURM_CPUS_PER_TASK, else SLURM_CPUS_ON_NODE
};

struct CoreBudget {
  int usable{1};
  int draw_threads{1};
  int loader_threads{1};
  int encoder_threads{1};
  std::string reason;  // for `doctor`: "2 cores (affinity)"
};

// `file_root` is prefixed to /proc and /sys; tests give their own.
[[nodiscard]] CoreFacts read_core_facts(const std::string& file_root = {});

// Pure. Drawing and encoding overlap (frame n+1 is drawn while n is encoded), loading mostly waits
// for the disk.
[[nodiscard]] CoreBudget share_cores(const CoreFacts& facts);

// share_cores(read_core_facts()).
[[nodiscard]] CoreBudget core_budget();

}  // namespace napari::data
