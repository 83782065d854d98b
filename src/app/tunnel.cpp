#include "app/tunnel.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <glib.h>

namespace napari::app {

HostFacts read_host_facts() {
  const char* submit = std::getenv("SLURM_SUBMIT_HOST");
  return {.host_name = g_get_host_name(),
          .user = g_get_user_name(),
          .submit_host = submit != nullptr ? submit : ""};
}

std::string tunnel_line(const HostFacts& facts, int port) {
  const bool through_login = !facts.submit_host.empty() && facts.submit_host != facts.host_name;
  const std::string jump =
      through_login ? fmt::format("-J {}@{} ", facts.user, facts.submit_host) : "";
  return fmt::format("ssh -N -L {0}:127.0.0.1:{0} {1}{2}@{3}", port, jump, facts.user,
                     facts.host_name);
}

}  // namespace napari::app
