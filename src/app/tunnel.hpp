// The line to type on one's own computer so that a server on a remote machine shows in a local browser. Pure but for the
// facts, which the caller gives. Threads: any.
#pragma once

#include <string>

namespace napari::app {

struct HostFacts {
  std::string host_name;  // of this machine
  std::string user;
  std::string submit_host;  // SLURM_SUBMIT_HOST: the login node; empty outside a job
};

[[nodiscard]] HostFacts read_host_facts();

// "ssh -N -L 8080:127.0.0.1:8080 user@node"; with a login node in between, through it (-J).
[[nodiscard]] std::string tunnel_line(const HostFacts& facts, int port);

}  // namespace napari::app
