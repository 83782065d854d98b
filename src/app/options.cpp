#include "app/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace napari::app {
namespace {

using data::ServeConfig;
using gstx::ErrorCode;
using gstx::fail;
using gstx::Result;

Result<std::int64_t> parse_integer(std::string_view value, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < low || number > high)
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not an integer in {}..{}", value, low, high));
  return number;
}

Result<double> parse_number(std::string_view value, double low, double high) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() ||
      !(number >= low && number <= high))
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not a number in {}..{}", value, low, high));
  return number;
}

// "12M", "1.5G", "800k", "4096"; `unit` is 1000 for rates and 1024 for memory.
Result<std::int64_t> parse_quantity(std::string_view value, double unit, double low, double high) {
  const std::string_view digits = value.substr(0, value.find_first_not_of("0123456789."));
  const std::string_view suffix = value.substr(digits.size());
  double factor = 1;
  if (suffix == "k" || suffix == "K")
    factor = unit;
  else if (suffix == "M")
    factor = unit * unit;
  else if (suffix == "G")
    factor = unit * unit * unit;
  else if (suffix == "T")
    factor = unit * unit * unit * unit;
  else if (!suffix.empty())
    factor = 0;
  const auto number = parse_number(digits, 0, std::numeric_limits<double>::max());
  if (factor == 0 || !number || *number * factor < low || *number * factor > high)
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not a quantity in {:.0f}..{:.0f} (suffixes k, M, G, T)",
                            value, low, high));
  return std::llround(*number * factor);
}

Result<std::string> parse_choice(std::string_view value,
                                 std::initializer_list<std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not one of {}", value, fmt::join(choices, ", ")));
  return std::string(value);
}

// A switch given as an option has no value; from the environment or a file it has one.
Result<bool> parse_switch(std::string_view value) {
  if (value.empty() || value == "1" || value == "true" || value == "yes" || value == "on")
    return true;
  if (value == "0" || value == "false" || value == "no" || value == "off") return false;
  return fail(ErrorCode::invalid_argument,
              fmt::format("\"{}\" is not one of 1, 0, true, false, yes, no, on, off", value));
}

template <typename T, typename U>
Result<void> assign(T& target, Result<U> value) {
  if (!value) return tl::make_unexpected(value.error());
  target = static_cast<T>(*std::move(value));
  return {};
}

Result<void> assign_text(std::string& target, std::string_view value, std::string_view what) {
  if (value.empty())
    return fail(ErrorCode::invalid_argument, fmt::format("{} may not be empty", what));
  target = value;
  return {};
}

Result<void> assign_even(int& target, std::string_view value) {
  GSTX_ASSIGN_OR_RETURN(const std::int64_t pixels, parse_integer(value, 64, 8192));
  if (pixels % 2 != 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("\"{}\" is not even (64..8192, even)", value));
  target = static_cast<int>(pixels);
  return {};
}

// The last one given counts, bytes or percent.
Result<void> assign_budget(std::int64_t& bytes, double& percent, std::string_view value) {
  if (!value.empty() && value.back() == '%') {
    GSTX_TRY(assign(percent, parse_number(value.substr(0, value.size() - 1), 1, 90)));
    bytes = 0;
    return {};
  }
  return assign(bytes, parse_quantity(value, 1024, 64.0 * 1024 * 1024, 1e15));
}

Result<void> assign_token(ServeConfig& config, std::string_view value) {
  const bool plain = std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return c > ' ' && c < 127 && c != '&' && c != '#' && c != ';' && c != '%' && c != '+' &&
           c != '=';
  });
  if (value.size() < 8 || value.size() > 256 || !plain)
    return fail(ErrorCode::invalid_argument,
                "a token has 8..256 printable characters, without space & # ; % + =");
  config.token = value;
  return {};
}

#define APPLY(expression)                                  \
  [](ServeConfig& c, std::string_view v) -> Result<void> { \
    (void)c;                                               \
    (void)v;                                               \
    return expression;                                     \
  }

const std::vector<Option> kOptions = {
    {"host", "ADDRESS",
     "address to listen on [127.0.0.1]; beyond loopback: --tls-cert and --tls-key, or --insecure",
     APPLY(assign_text(c.host, v, "an address"))},
    {"port", "N", "one port for everything [8080 or the next free one]; 0 takes a free one",
     APPLY(assign(c.port, parse_integer(v, 0, 65535)))},
    {"napari", "", "also listen where the napari desktop client expects it (ports 8081 and 8082)",
     APPLY(assign(c.napari, parse_switch(v)))},
    {"state-port", "N",
     "state port for the napari desktop client [8081 with --napari, else off]; 0: off",
     APPLY(assign(c.state_port, parse_integer(v, 0, 65535)))},
    {"pixel-port", "N",
     "pixel port for the napari desktop client [8082 with --napari, else off]; 0: off",
     APPLY(assign(c.pixel_port, parse_integer(v, 0, 65535)))},
    {"width", "PX", "width of the canvas [1920], even, 64..8192",
     APPLY(assign_even(c.canvas.width_px, v))},
    {"height", "PX", "height of the canvas [1080], even, 64..8192",
     APPLY(assign_even(c.canvas.height_px, v))},
    {"fps", "N", "frames per second while something moves [60], 1..240",
     APPLY(assign(c.fps, parse_integer(v, 1, 240)))},
    {"backend", "NAME", "auto | egl | cpu: what draws [auto]",
     APPLY(assign(c.backend, parse_choice(v, {"auto", "egl", "cpu"})))},
    {"device", "GPU", "GPU that draws: CUDA ordinal or UUID (GPU-..., MIG-...), see `doctor` [0]",
     APPLY(assign_text(c.device, v, "a device"))},
    {"encoder", "NAME", "auto | nvenc | x264 | openh264: what encodes [auto]",
     APPLY(assign(c.encoder, parse_choice(v, {"auto", "nvenc", "x264", "openh264"})))},
    {"bitrate", "BPS", "bits per second while something moves [12M], 100k..200M",
     APPLY(assign(c.bitrate_bps, parse_quantity(v, 1000, 1e5, 2e8)))},
    {"data-root", "DIR",
     "clients may browse and load below it only [the folder that holds DATA, else the working "
     "directory]",
     APPLY(assign_text(c.data_root, v, "a folder"))},
    {"token", "TEXT", "what clients must show [generated and printed]", APPLY(assign_token(c, v))},
    {"no-token", "", "ask clients for no token", APPLY(assign(c.no_token, parse_switch(v)))},
    {"tls-cert", "FILE", "PEM certificate (chain); serves https",
     APPLY(assign_text(c.tls_cert, v, "a file"))},
    {"tls-key", "FILE", "PEM private key of --tls-cert",
     APPLY(assign_text(c.tls_key, v, "a file"))},
    {"insecure", "", "allow plain HTTP beyond loopback",
     APPLY(assign(c.insecure, parse_switch(v)))},
    {"memory-budget", "SIZE", "bytes (64M, 4G) or percent of RAM (25%) for decoded data [25%]",
     APPLY(assign_budget(c.memory_budget_bytes, c.memory_budget_percent, v))},
    {"vram-budget", "SIZE",
     "bytes (512M, 8G) or percent of the GPU's memory (50%) for textures [50%]",
     APPLY(assign_budget(c.vram_budget_bytes, c.vram_budget_percent, v))},
    {"heartbeat-s", "S", "seconds between heartbeats on a state socket [15], 0.05..3600",
     APPLY(assign(c.heartbeat_s, parse_number(v, 0.05, 3600)))},
    {"ndisplay", "2|3", "start in 2-D or 3-D [2]",
     APPLY(assign(c.ndisplay, parse_integer(v, 2, 3)))},
    {"frame-id", "", "draw each frame's id into the picture as a bar code",
     APPLY(assign(c.frame_id, parse_switch(v)))},
    {"log-level", "NAME", "error | warning | info | debug [info]",
     APPLY(assign(c.log_level, parse_choice(v, {"error", "warning", "info", "debug"})))},
    {"log-format", "NAME", "text | json, on stderr [text]",
     APPLY(assign(c.log_format, parse_choice(v, {"text", "json"})))},
};
#undef APPLY

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(kOptions.begin(), kOptions.end(),
                                  [&](const Option& o) { return o.name == name; });
  return found == kOptions.end() ? nullptr : &*found;
}

std::string variable_of(std::string_view name) {
  std::string variable = "NAPARI_CUDA_";
  for (const char c : name)
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

Result<void> apply_named(ServeConfig& config, const Option& option, std::string_view value,
                         std::string_view from) {
  if (auto done = option.apply(config, value); !done)
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", from, done.error().message));
  return {};
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// One `name = value` a line; `#` starts a comment.
Result<void> apply_file(ServeConfig& config, const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::not_found, fmt::format("--config: cannot read \"{}\"", path));
  // A folder opens like a file, but for its first character.
  if (file.peek(); file.bad())
    return fail(ErrorCode::invalid_argument, fmt::format("--config: \"{}\" is no file", path));
  file.clear();
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string_view text = trim(std::string_view(line).substr(0, line.find('#')));
    if (text.empty()) continue;
    const auto equals = text.find('=');
    const std::string_view name = trim(text.substr(0, equals));
    const Option* option = find_option(name);
    if (equals == std::string_view::npos || option == nullptr)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}:{}: \"{}\" is not `option = value`; the options are those of "
                              "--help, without dashes",
                              path, number, text));
    GSTX_TRY(apply_named(config, *option, trim(text.substr(equals + 1)),
                         fmt::format("{}:{}: {}", path, number, name)));
  }
  return {};
}

Result<void> check_together(ServeConfig& config) {
  if (config.tls_cert.empty() != config.tls_key.empty())
    return fail(ErrorCode::invalid_argument, "--tls-cert and --tls-key go together");
  if (config.no_token && !config.token.empty())
    return fail(ErrorCode::invalid_argument, "--token and --no-token exclude each other");
  return {};
}

}  // namespace

const std::vector<Option>& serve_options() { return kOptions; }

bool CommandLine::has(std::string_view name) const {
  return std::any_of(options.begin(), options.end(),
                     [&](const auto& option) { return option.first == name; });
}

Result<CommandLine> split_command_line(const std::vector<std::string>& arguments,
                                       const std::vector<std::string_view>& with_value,
                                       const std::vector<std::string_view>& switches) {
  CommandLine line;
  const auto knows = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.rfind("--", 0) != 0 || argument == "--") {
      if (argument != "--") line.operands.push_back(argument);
      continue;
    }
    const auto equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (knows(switches, name)) {
      if (equals != std::string::npos)
        return fail(ErrorCode::invalid_argument, fmt::format("--{} takes no value", name));
      line.options.emplace_back(name, "");
    } else if (!knows(with_value, name)) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("unknown option --{} (see --help)", name));
    } else if (equals != std::string::npos) {
      line.options.emplace_back(name, argument.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      line.options.emplace_back(name, arguments[++i]);
    } else {
      return fail(ErrorCode::invalid_argument, fmt::format("--{} needs a value", name));
    }
  }
  return line;
}

Result<ServeConfig> parse_serve(const std::vector<std::string>& arguments,
                                const std::vector<std::string>& environment) {
  std::vector<std::string_view> with_value{"config"};
  std::vector<std::string_view> switches;
  for (const Option& option : kOptions)
    (option.argument.empty() ? switches : with_value).push_back(option.name);
  GSTX_ASSIGN_OR_RETURN(const CommandLine line,
                        split_command_line(arguments, with_value, switches));
  if (line.operands.size() > 1)
    return fail(ErrorCode::invalid_argument, fmt::format("one DATA, not {}: \"{}\" is one too many",
                                                         line.operands.size(), line.operands[1]));

  const auto variable = [&](std::string_view name) -> std::optional<std::string> {
    const std::string prefix = variable_of(name) + "=";
    for (const std::string& entry : environment)
      if (entry.rfind(prefix, 0) == 0) return entry.substr(prefix.size());
    return std::nullopt;
  };
  ServeConfig config;
  std::optional<std::string> file = variable("config");
  for (const auto& [name, value] : line.options)
    if (name == "config") file = value;
  if (file) GSTX_TRY(apply_file(config, *file));
  for (const Option& option : kOptions)
    if (const auto value = variable(option.name))
      GSTX_TRY(apply_named(config, option, *value, variable_of(option.name)));
  for (const auto& [name, value] : line.options)
    if (name != "config") GSTX_TRY(apply_named(config, *find_option(name), value, "--" + name));
  if (!line.operands.empty() && line.operands.front().empty())
    return fail(ErrorCode::invalid_argument, "DATA may not be empty; leave it out to open none");
  if (!line.operands.empty()) config.data = line.operands.front();
  GSTX_TRY(check_together(config));
  return config;
}

std::string help_text() {
  std::string text =
      "napari-cuda-server draws OME-Zarr images of any size where they lie and streams the "
      "picture.\n\n"
      "  napari-cuda-server [serve] [DATA] [OPTION...]   serve DATA (an OME-Zarr folder) to "
      "browsers and napari\n"
      "  napari-cuda-server doctor [OPTION...]           what this machine can do, and why not "
      "more\n"
      "  napari-cuda-server info DATA [--json]           axes, levels, shapes, chunks, codecs\n"
      "  napari-cuda-server convert IN OUT.ome.zarr [--overwrite] [--quiet]\n"
      "                                                  NIfTI (.nii, .nii.gz) to multiscale "
      "OME-Zarr\n"
      "  napari-cuda-server --version | --help\n\n"
      "Options of serve and doctor [default]; each is also an environment variable and a key of "
      "--config's file:\n";
  for (const Option& option : kOptions) {
    const std::string left = option.argument.empty()
                                 ? fmt::format("--{}", option.name)
                                 : fmt::format("--{} {}", option.name, option.argument);
    text +=
        fmt::format("  {:<22} {}\n  {:<22} {}\n", left, option.help, "", variable_of(option.name));
  }
  text += fmt::format("  {:<22} {}\n  {:<22} {}\n", "--config FILE",
                      "`option = value` lines, # for comments; arguments and environment win", "",
                      variable_of("config"));
  text +=
      "\nExit status: 0 stopped by SIGTERM or SIGINT, or done; 1 failed; 2 a bad option or bad "
      "DATA, or the port is in use.\n";
  return text;
}

}  // namespace napari::app
