#include "app/tunnel.hpp"

#include <gtest/gtest.h>

namespace napari::app {
namespace {

TEST(Tunnel, GoesStraightToAMachineWithoutALoginNode) {
  EXPECT_EQ(tunnel_line({.host_name = "lab", .user = "ann", .submit_host = ""}, 8080),
            "ssh -N -L 8080:127.0.0.1:8080 ann@lab");
}

TEST(Tunnel, GoesThroughTheLoginNodeOfASlurmJob) {
  EXPECT_EQ(tunnel_line({.host_name = "gpu7", .user = "ann", .submit_host = "login1"}, 8123),
            "ssh -N -L 8123:127.0.0.1:8123 -J ann@login1 ann@gpu7");
  EXPECT_EQ(tunnel_line({.host_name = "login1", .user = "ann", .submit_host = "login1"}, 80),
            "ssh -N -L 80:127.0.0.1:80 ann@login1");
}

}  // namespace
}  // namespace napari::app
