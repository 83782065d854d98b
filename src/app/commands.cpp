#include "app/commands.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "app/options.hpp"
#include "data/nifti/convert.hpp"
#include "data/zarr/describe.hpp"
#include "data/zarr/zarr_source.hpp"
#include "runtime/interface.hpp"

namespace napari::app {
namespace {

int fail_with(int status, const std::string& message) {
  fmt::print(stderr, "napari-cuda-server: {}\n", message);
  return status;
}

// Draws one line that is rewritten on a terminal, and a line every ten percent elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

  void show(double fraction) {
    const int percent = static_cast<int>(fraction * 100);
    const int step = terminal_ ? 1 : 10;
    if (quiet_ || percent < shown_ + step) return;
    shown_ = percent - percent % step;
    const double passed_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double left_s = fraction > 0 ? passed_s / fraction - passed_s : 0;
    fmt::print(stderr, "{}{:3} %  {:.0f} s left{}", terminal_ ? "\r" : "", shown_, left_s,
               terminal_ ? "   " : "\n");
    std::fflush(stderr);
  }
  void finish() const {
    if (!quiet_ && terminal_) std::fputs("\n", stderr);
  }

 private:
  bool quiet_;
  bool terminal_;
  int shown_{-10};
  std::chrono::steady_clock::time_point start_{std::chrono::steady_clock::now()};
};

}  // namespace

int run_info(const std::vector<std::string>& arguments) {
  const auto line = split_command_line(arguments, {}, {"json"});
  if (!line) return fail_with(2, line.error().message);
  if (line->operands.size() != 1) return fail_with(2, "info takes one DATA (see --help)");
  const auto source = data::open_zarr(line->operands.front());
  if (!source) return fail_with(2, source.error().message);
  const data::ImageInfo& info = (*source)->info();
  fmt::print("{}", line->has("json") ? data::describe_json(info) + "\n" : data::describe(info));
  return 0;
}

int run_convert(const std::vector<std::string>& arguments) {
  const auto line = split_command_line(arguments, {}, {"overwrite", "quiet"});
  if (!line) return fail_with(2, line.error().message);
  if (line->operands.size() != 2)
    return fail_with(2, "convert takes IN and OUT.ome.zarr (see --help)");
  const std::string& in = line->operands[0];
  const std::string& out = line->operands[1];
  data::ConvertOptions options;
  options.overwrite = line->has("overwrite") ? data::Overwrite::yes : data::Overwrite::no;
  Progress progress(line->has("quiet"));
  const auto done =
      data::convert_nifti(in, out, options, [&](double fraction) { progress.show(fraction); });
  progress.finish();
  if (!done)
    return fail_with(done.error().code == gstx::ErrorCode::internal ? 1 : 2, done.error().message);
  fmt::print("{}\n", out);
  return 0;
}

int run_doctor(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment) {
  const auto config = parse_serve(arguments, environment);
  if (!config) return fail_with(2, config.error().message);
  for (const std::string& text : runtime::probe_machine(*config)) fmt::print("{}\n", text);
  return 0;
}

}  // namespace napari::app
