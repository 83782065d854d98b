// The commands that end: info, convert, doctor. Each returns the exit status and prints its own errors. Threads: [main].
#pragma once

#include <string>
#include <vector>

namespace napari::app {

[[nodiscard]] int run_info(const std::vector<std::string>& arguments);
[[nodiscard]] int run_convert(const std::vector<std::string>& arguments);
[[nodiscard]] int run_doctor(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment);

}  // namespace napari::app
