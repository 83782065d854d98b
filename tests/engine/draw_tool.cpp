// Draws one plan given on the command line and writes the picture, so that programs which share no code with us (the Python
// oracle) can compare. Not a test by itself. `draw_tool --help` lists the options. Exit status 2 for a bad option.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <numbers>
#include <string>

#include <fmt/format.h>
#include <hwy/highway.h>

#include "data/brick_maxima.hpp"
#include "data/colormap.hpp"
#include "data/voxel_block.hpp"
#include "engine/color_convert.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/renderer.hpp"
#include "engine/simd/kernels.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace {

using namespace napari;
using namespace napari::engine;

constexpr const char* kHelp =
    R"(draw_tool --raw FILE --dtype uint16 --shape Z,Y,X --out FILE [options]
  --backend cpu|gl            cpu
  --target SCALAR|SSE4|AVX2|AVX3   best   instruction set (cpu)
  --threads N                 2
  --mode plane|volume         plane
  --slice Z                   0           plane of the block (plane mode)
  --paint X0,Y0,X1,Y1         all         pixels of the plane that may be painted
  --canvas WxH                640x480
  --scale S                   1           drawn size = canvas * S (even); the picture written has the drawn size
  --origin, --spacing         0.. / 1..   plane: X,Y; volume: Z,Y,X
  --center                    0..         plane: X,Y; volume: Z,Y,X
  --world-per-px F            1
  --azimuth --elevation --roll DEG        volume: as scene/camera.hpp; or the vectors:
  --right --down --forward Z,Y,X          volume: 0,0,1  0,1,0  1,0,0
  --perspective DISTANCE      0           0: orthographic
  --interpolation nearest|linear          linear
  --contrast LO,HI            0,1
  --gamma G  --opacity O  --colormap NAME 1, 1, gray
  --skip 0|1                  1           empty-space skipping
  --video nv12|i420|y444      none        converts the picture to the canvas size and writes the planes, tight, instead
  --matrix 709|601            709
  --flip 0|1                  0           rows bottom first (video)
  --rgba FILE                 none        with --video: the RGBA picture to convert, of the drawn size, instead of drawing
  --repeat N                  1           prints the median time in ms as JSON
Writes RGBA8, rows top first, tight. Prints the drawer and the drawn size on stdout.
)";

[[noreturn]] void give_up(const std::string& message) {
  fmt::print(stderr, "draw_tool: {}\n", message);
  std::exit(2);
}

template <typename T>
T need(gstx::Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}

class Options {
 public:
  Options(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
    if (argc % 2 == 0) give_up("an option has no value; try --help 1");
    if (values_.contains("--help")) {
      fmt::print("{}", kHelp);
      std::exit(0);
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback) {
    used_[name] = true;
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }
  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }
  [[nodiscard]] std::vector<double> numbers(const std::string& name, const std::string& fallback,
                                            std::size_t count) {
    const std::string list = text(name, fallback);
    std::vector<double> numbers;
    const char* at = list.c_str();
    while (*at != 0) {
      char* end = nullptr;
      numbers.push_back(std::strtod(at, &end));
      if (end == at) give_up(fmt::format("{} {}: not a list of numbers", name, list));
      at = *end == ',' || *end == 'x' ? end + 1 : end;
    }
    if (numbers.size() != count)
      give_up(fmt::format("{} {}: {} numbers wanted", name, list, count));
    return numbers;
  }
  [[nodiscard]] double number(const std::string& name, const std::string& fallback) {
    return numbers(name, fallback, 1)[0];
  }
  void refuse_unknown() const {
    for (const auto& [name, value] : values_) {
      if (!used_.contains(name))
        give_up(fmt::format("option {} is not known or not used here", name));
    }
  }

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, bool> used_;
};

data::DType dtype_named(const std::string& name) {
  for (const auto dtype :
       {data::DType::u8, data::DType::u16, data::DType::u32, data::DType::i8, data::DType::i16,
        data::DType::i32, data::DType::f32, data::DType::f64}) {
    if (name == data::to_string(dtype)) return dtype;
  }
  give_up(fmt::format("dtype {} is not known", name));
}

std::vector<char> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) give_up(fmt::format("{} cannot be read", path));
  return {std::istreambuf_iterator<char>(file), {}};
}

data::VoxelBlockPtr read_block(Options& options, bool plane) {
  const data::DType dtype = dtype_named(options.text("--dtype", "uint16"));
  const auto extents = options.numbers("--shape", "1,1,1", 3);
  std::array<std::int64_t, 3> shape{};
  for (std::size_t i = 0; i < 3; ++i) shape[i] = static_cast<std::int64_t>(extents[i]);
  const std::vector<char> bytes = bytes_of(options.text("--raw", ""));
  const auto plane_bytes = static_cast<std::size_t>(shape[1] * shape[2]) * data::byte_size(dtype);
  if (bytes.size() != plane_bytes * static_cast<std::size_t>(shape[0])) {
    give_up(fmt::format("{} bytes of voxels, {} expected", bytes.size(),
                        plane_bytes * static_cast<std::size_t>(shape[0])));
  }
  std::size_t offset = 0;
  if (plane) {
    const auto slice = static_cast<std::int64_t>(options.number("--slice", "0"));
    if (slice < 0 || slice >= shape[0]) give_up("--slice is outside the block");
    offset = static_cast<std::size_t>(slice) * plane_bytes;
    shape[0] = 1;
  }
  data::BlockDraft draft = need(data::allocate_block(dtype, shape));
  std::memcpy(draft.voxels.data(), bytes.data() + offset, draft.voxels.size());
  return data::finish_block(std::move(draft));
}

data::Vec3 vec3(const std::vector<double>& numbers) { return {numbers[0], numbers[1], numbers[2]}; }

data::VolumeView view_of(Options& options) {
  data::VolumeView view;
  view.center = vec3(options.numbers("--center", "0,0,0", 3));
  view.world_per_px = options.number("--world-per-px", "1");
  view.distance = options.number("--perspective", "0");
  view.perspective = view.distance > 0;
  view.right = vec3(options.numbers("--right", "0,0,1", 3));
  view.down = vec3(options.numbers("--down", "0,1,0", 3));
  view.forward = vec3(options.numbers("--forward", "1,0,0", 3));
  if (!options.has("--azimuth")) return view;
  const double degree = std::numbers::pi / 180;
  const double a = options.number("--azimuth", "0") * degree;
  const double e = options.number("--elevation", "0") * degree;
  const double roll = options.number("--roll", "0") * degree;
  const data::Vec3 forward{-std::sin(e), std::cos(a) * std::cos(e),
                           -std::sin(a) * std::cos(e)};  // z, y, x
  const data::Vec3 right{0, std::sin(a), std::cos(a)};
  const data::Vec3 up{right[2] * forward[1] - right[1] * forward[2],
                      right[0] * forward[2] - right[2] * forward[0],
                      right[1] * forward[0] - right[0] * forward[1]};
  for (std::size_t c = 0; c < 3; ++c) {
    view.forward[c] = forward[c];
    view.right[c] = std::cos(roll) * right[c] + std::sin(roll) * up[c];
    view.down[c] = -(std::cos(roll) * up[c] - std::sin(roll) * right[c]);
  }
  return view;
}

data::RenderPlan plan_of(Options& options) {
  data::RenderPlan plan;
  const bool plane = options.text("--mode", "plane") == "plane";
  const auto canvas = options.numbers("--canvas", "640x480", 2);
  plan.canvas = {static_cast<int>(canvas[0]), static_cast<int>(canvas[1])};
  plan.draw_scale = options.number("--scale", "1");
  plan.ndisplay = plane ? 2 : 3;
  plan.still = true;  // exact on every device
  data::PlanLayer layer;
  const auto contrast = options.numbers("--contrast", "0,1", 2);
  layer.transfer = {contrast[0], contrast[1], options.number("--gamma", "1"),
                    options.number("--opacity", "1"), options.text("--colormap", "gray")};
  const std::string interpolation = options.text("--interpolation", "linear");
  if (interpolation != "linear" && interpolation != "nearest")
    give_up("--interpolation is nearest or linear");
  layer.interpolation =
      interpolation == "linear" ? data::Interpolation::linear : data::Interpolation::nearest;
  if (options.has("--rgba")) return plan;
  const data::VoxelBlockPtr block = read_block(options, plane);
  if (plane) {
    const auto center = options.numbers("--center", "0,0", 2);
    plan.plane = {{center[0], center[1]}, options.number("--world-per-px", "1")};
    data::PlanePatch patch;
    patch.block = block;
    const auto origin = options.numbers("--origin", "0,0", 2);
    const auto spacing = options.numbers("--spacing", "1,1", 2);
    patch.origin = {origin[0], origin[1]};
    patch.spacing = {spacing[0], spacing[1]};
    const auto paint =
        options.numbers("--paint", fmt::format("0,0,{},{}", block->shape[2], block->shape[1]), 4);
    patch.x0 = static_cast<std::int64_t>(paint[0]);
    patch.y0 = static_cast<std::int64_t>(paint[1]);
    patch.x1 = static_cast<std::int64_t>(paint[2]);
    patch.y1 = static_cast<std::int64_t>(paint[3]);
    layer.patches.push_back(std::move(patch));
  } else {
    plan.volume = view_of(options);
    layer.volume = data::VolumeBlock{block, data::make_brick_maxima(*block, 2),
                                     vec3(options.numbers("--origin", "0,0,0", 3)),
                                     vec3(options.numbers("--spacing", "1,1,1", 3))};
  }
  plan.layers.push_back(std::move(layer));
  return plan;
}

void force_target(const std::string& name) {
  if (name == "best") return;
  for (const std::int64_t target : simd::runnable_targets()) {
    if (name == hwy::TargetName(target)) {
      hwy::SetSupportedTargetsForTest(target);
      return;
    }
  }
  give_up(fmt::format("instruction set {} is not there", name));
}

void write(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file) give_up(fmt::format("{} cannot be written", path));
}

// Runs `work` and prints the median time where it ran more than once.
template <typename Work>
void timed(int repeat, const Work& work) {
  std::vector<double> times_ms;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    times_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::ranges::sort(times_ms);
  if (repeat > 1)
    fmt::print("{{\"repeat\": {}, \"ms_p50\": {:.3f}}}\n", repeat, times_ms[times_ms.size() / 2]);
}

std::vector<std::uint8_t> to_video(Options& options, const std::vector<std::uint8_t>& rgba,
                                   data::CanvasSize drawn, data::CanvasSize canvas, int repeat) {
  const std::string layout = options.text("--video", "nv12");
  VideoTarget target;
  target.size = canvas;
  const auto width = static_cast<std::size_t>(canvas.width_px);
  const auto luma = width * static_cast<std::size_t>(canvas.height_px);
  std::vector<std::uint8_t> planes(layout == "y444" ? 3 * luma : 3 * luma / 2);
  if (layout == "nv12") {
    target.layout = VideoLayout::nv12;
    target.planes[1] = planes.data() + luma;
    target.stride_bytes[1] = width;
  } else if (layout == "i420" || layout == "y444") {
    const bool full = layout == "y444";
    target.layout = full ? VideoLayout::y444 : VideoLayout::i420;
    target.planes[1] = planes.data() + luma;
    target.planes[2] = planes.data() + luma + (full ? luma : luma / 4);
    target.stride_bytes[1] = target.stride_bytes[2] = full ? width : width / 2;
  } else {
    give_up(fmt::format("--video {} is not nv12, i420 or y444", layout));
  }
  target.planes[0] = planes.data();
  target.stride_bytes[0] = width;
  const std::string matrix = options.text("--matrix", "709");
  if (matrix != "709" && matrix != "601") give_up("--matrix is 709 or 601");
  const ConvertOptions convert{matrix == "709" ? ColorMatrix::bt709 : ColorMatrix::bt601,
                               options.number("--flip", "0") != 0};
  ColorConverter converter(static_cast<int>(options.number("--threads", "2")));
  timed(repeat, [&] {
    const auto done = converter.convert(
        {rgba.data(), 4 * static_cast<std::size_t>(drawn.width_px), drawn}, target, convert);
    if (!done) give_up(done.error().message);
  });
  return planes;
}

int run(Options& options) {
  force_target(options.text("--target", "best"));
  const data::RenderPlan plan = plan_of(options);
  const data::CanvasSize size = drawn_size(plan);
  const int threads = static_cast<int>(options.number("--threads", "2"));
  const int repeat = static_cast<int>(options.number("--repeat", "1"));
  const std::string backend = options.text("--backend", "cpu");
  if (backend != "cpu" && backend != "gl") give_up("--backend is cpu or gl");
  const bool skipping = options.number("--skip", "1") != 0;
  const std::size_t stride = static_cast<std::size_t>(size.width_px) * 4;
  std::vector<std::uint8_t> rgba(stride * static_cast<std::size_t>(size.height_px));
  const std::string out = options.text("--out", "");
  const std::string ready = options.text("--rgba", "");
  std::vector<std::uint8_t> planes;
  if (!ready.empty()) {
    const std::vector<char> bytes = bytes_of(ready);
    if (bytes.size() != rgba.size())
      give_up(fmt::format("{}: {} bytes, {} expected", ready, bytes.size(), rgba.size()));
    std::memcpy(rgba.data(), bytes.data(), bytes.size());
  } else {
    const std::unique_ptr<Drawer> drawer =
        backend == "gl" ? need(make_gl_drawer(0)) : make_simd_drawer(threads);
    drawer->set_skipping(skipping);
    timed(repeat, [&] {
      const auto done = drawer->draw(plan, CpuTarget{rgba, stride, size}, std::stop_token());
      if (!done) give_up(done.error().message);
    });
    fmt::print("{}\n", drawer->name());
  }
  const bool video = options.has("--video");
  if (video) planes = to_video(options, rgba, size, plan.canvas, repeat);
  options.refuse_unknown();
  write(out, video ? planes : rgba);
  fmt::print("{}x{}\n", size.width_px, size.height_px);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options(argc, argv);
  return run(options);
}
