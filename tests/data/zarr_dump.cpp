// A test tool, not a product: prints what the reader says about a data set, writes a region raw to stdout, or converts a NIfTI.
//   zarr_dump info PATH | zarr_dump read PATH LEVEL START SHAPE | zarr_dump convert IN OUT [EDGE [MEMORY_BYTES]]
// START and SHAPE are comma-separated; SHAPE "all" reads the level. Exit 1 with the error's code and message on stderr.
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "data/nifti/convert.hpp"
#include "data/roi.hpp"
#include "data/zarr/describe.hpp"
#include "data/zarr/zarr_source.hpp"

namespace {

using namespace napari::data;

std::vector<std::int64_t> numbers(const std::string& text) {
  std::vector<std::int64_t> values;
  std::istringstream stream(text);
  std::string word;
  while (std::getline(stream, word, ',')) values.push_back(std::atoll(word.c_str()));
  return values;
}

int report(const gstx::Error& error) {
  std::fprintf(stderr, "%s: %s\n", gstx::to_string(error.code), error.message.c_str());
  return 1;
}

int print_info(const std::string& path) {
  const auto source = open_zarr(path);
  if (!source) return report(source.error());
  std::fputs(describe_json((*source)->info()).c_str(), stdout);
  return 0;
}

int read_region(const std::vector<std::string>& arguments) {
  const auto source = open_zarr(arguments[1]);
  if (!source) return report(source.error());
  const int level = std::atoi(arguments[2].c_str());
  const auto& levels = (*source)->info().levels;
  if (level < 0 || static_cast<std::size_t>(level) >= levels.size()) return 2;
  const Level& chosen = levels[static_cast<std::size_t>(level)];
  Region region = whole(chosen.shape);
  if (arguments[4] != "all") region = {numbers(arguments[3]), numbers(arguments[4])};
  std::vector<std::byte> bytes(static_cast<std::size_t>(region_bytes(region, chosen.dtype)));
  if (const auto read = (*source)->read(level, region, bytes, {}); !read) {
    return report(read.error());
  }
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() ? 0 : 2;
}

int convert(const std::vector<std::string>& arguments) {
  ConvertOptions options;
  if (arguments.size() > 3) options.chunk_edge = std::atoll(arguments[3].c_str());
  if (arguments.size() > 4) options.memory_bytes = std::atoll(arguments[4].c_str());
  double last = -1;
  bool falling = false;
  const auto done = convert_nifti(arguments[1], arguments[2], options, [&](double fraction) {
    falling = falling || fraction < last;
    last = fraction;
  });
  if (!done) return report(done.error());
  return last == 1 && !falling ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "info") return print_info(arguments[1]);
  if (arguments.size() == 5 && arguments[0] == "read") return read_region(arguments);
  if (arguments.size() >= 3 && arguments[0] == "convert") return convert(arguments);
  std::fputs("usage: see the top of zarr_dump.cpp\n", stderr);
  return 2;
}
