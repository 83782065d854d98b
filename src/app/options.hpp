// The command line: a table of options, each also an environment variable NAPARI_CUDA_<NAME> and a
// key of --config's file. Later wins: default, file, environment, argument. A bad value is an error
// that names the option and the allowed values. Threads: main, before anything else runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/config.hpp"
#include "gstx/result.hpp"

namespace napari::app {

struct Option {
  std::string_view name;      // "state-port"
  std::string_view argument;  // "N"; empty: a switch
  std::string_view help;      // with the default and the range
  gstx::Result<void> (*apply)(data::ServeConfig& config, std::string_view value);
};

// Every option of `serve` (and of `doctor`, which reads the same machine), in the order of --help.
[[nodiscard]] const std::vector<Option>& serve_options();

// `arguments`: what follows the command's name. `environment`: "NAME=value" strings.
[[nodiscard]] gstx::Result<data::ServeConfig> parse_serve(
    const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

// A simple command's options: `--name value`, `--name=value` and switches are taken out of
// `arguments`; what is left are operands.
struct CommandLine {
  std::vector<std::pair<std::string, std::string>>
      options;  // without the dashes; a switch has an empty value
  std::vector<std::string> operands;

  [[nodiscard]] bool has(std::string_view name) const;
};
[[nodiscard]] gstx::Result<CommandLine> split_command_line(
    const std::vector<std::string>& arguments, const std::vector<std::string_view>& with_value,
    const std::vector<std::string_view>& switches);

[[nodiscard]] std::string help_text();

}  // namespace napari::app
