// Chooses the command. Exit status: 0 done, 1 failed, 2 a bad option or bad input.
#include <clocale>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "app/server_app.hpp"

int main(int argc, char** argv) {
  using namespace napari;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::vector<std::string> environment = [] {
    std::vector<std::string> entries;
    for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
    return entries;
  }();
  const std::string command = arguments.empty() ? "serve" : arguments.front();
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      fmt::print("{}", app::help_text());
      return 0;
    }
    if (argument == "--version") {
      fmt::print("napari-cuda-server {}\n", NAPARI_CUDA_VERSION);
      return 0;
    }
  }
  const std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1),
                                      arguments.end());
  if (command == "info") return app::run_info(rest);
  if (command == "convert") return app::run_convert(rest);
  if (command == "doctor") return app::run_doctor(rest, environment);
  const auto config = app::parse_serve(command == "serve" ? rest : arguments, environment);
  if (!config) {
    fmt::print(stderr, "napari-cuda-server: {}\n", config.error().message);
    return 2;
  }
  return app::serve(*config);
}
