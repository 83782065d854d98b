// Times the GPU road on this machine, each figure beside the same work done the usual way (stock_gl.hpp) in the same run: slices and
// maximum intensity projections drawn into a GPU frame and converted to NV12 in CPU memory, and uploads while something else is
// drawn. Prints a table; `--json FILE` writes a line a figure. Fails when a picture is black.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/bench_volume.hpp"
#include "bench/stock_gl.hpp"
#include "data/brick_maxima.hpp"
#include "data/core_budget.hpp"
#include "engine/gl/gl_drawer.hpp"

namespace {

using namespace napari;
using Clock = std::chrono::steady_clock;

constexpr const char* kHelp = R"(gpu_bench [--quick] [--json FILE] [--device N] [--frames N]
  --quick       tiny sizes, a few frames: whether it works, not how fast
  --json FILE   a JSON object a line
  --device N    0     CUDA ordinal
  --frames N    120   timed a figure, after a fifth as many that are not
)";

struct Options {
  bool quick{false};
  std::string json;
  int device{0};
  int frames{120};
};

[[noreturn]] void give_up(const std::string& message, int status = 1) {
  fmt::print(stderr, "gpu_bench: {}\n", message);
  std::exit(status);
}

template <typename T>
T need(gstx::Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}
void need(const gstx::Result<void>& result) {
  if (!result) give_up(result.error().message);
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Times {
  double p50{0}, p95{0}, max{0};
  std::size_t count{0};
};

Times times_of(std::vector<double> ms) {
  std::ranges::sort(ms);
  return {ms[ms.size() / 2], ms[ms.size() * 95 / 100], ms.back(), ms.size()};
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        drawer_(need(engine::make_gl_drawer(options.device))),
        stock_(need(bench::StockGl::make(options.device))),
        name_(drawer_->name()) {
    if (!options.json.empty()) {
      json_.open(options.json);
      if (!json_) give_up("cannot write " + options.json);
    }
    fmt::print("{}, {} cores\n{:<44} {:>10} {:>8} {:>8} {:>8} {:>8}\n", name_,
               data::core_budget().usable, "what", "size", "p50 ms", "p95 ms", "goal", "stock");
  }

  void volumes();
  void slices();
  void uploads();

 private:
  using PlanAt = std::function<data::RenderPlan(int frame)>;
  struct Case {
    std::string what;
    data::CanvasSize size;
    double goal_ms{0};  // 0: none
    double stock_ms{0};
  };

  struct Frames {
    std::vector<double> ms;
    int late{0};     // took more than their 1/60 s
    int at_once{0};  // volumes that were there before their first frame was drawn
  };

  void volume(std::int64_t edge, bool noisy);
  double arrive(const data::VolumeBlock& fresh, int frames_min, Frames& frames);
  void arrivals(const data::VoxelBlockPtr& large, bool alike, double stock_ms);
  double upload_at_once(const data::VoxelBlockPtr& fresh);
  double draw_to_nv12(const data::RenderPlan& plan);
  [[nodiscard]] Times time(const PlanAt& plan_at);
  [[nodiscard]] Times time_stock(const PlanAt& plan_at);
  void expect_same(const data::RenderPlan& plan, const std::vector<std::uint8_t>& stock);
  void report(const Case& which, const Times& times);
  void write_json(const std::string& line) {
    if (json_.is_open()) json_ << line << std::endl;  // what was measured stays if the rest fails
  }
  [[nodiscard]] std::vector<data::CanvasSize> sizes() const {
    if (options_.quick) return {{160, 90}};
    return {{1920, 1080}, {3840, 2160}};
  }

  const Options options_;
  const std::unique_ptr<engine::Drawer> drawer_;
  const std::unique_ptr<bench::StockGl> stock_;
  const std::string name_;
  std::ofstream json_;
  std::atomic<Clock::time_point> better_at_{};  // set by the uploading thread
};

// In milliseconds, from the plan to planes that the CPU can read.
double Bench::draw_to_nv12(const data::RenderPlan& plan) {
  const auto start = Clock::now();
  const engine::GpuFramePtr frame = need(drawer_->make_frame(plan.canvas));
  need(drawer_->draw(plan, engine::GpuTarget{frame}, {}));
  const engine::MappedVideo video =
      need(frame->convert(engine::VideoLayout::nv12, plan.canvas, {}));
  const double ms = ms_since(start);
  const std::uint8_t* luma = video.memory.get() + video.offset[0];
  const auto rows = static_cast<std::size_t>(plan.canvas.height_px);
  const std::uint8_t* middle = luma + video.stride_bytes[0] * (rows / 2);
  if (std::all_of(middle, middle + plan.canvas.width_px, [](auto y) { return y <= 16; })) {
    give_up("a picture is black");
  }
  return ms;
}

Times Bench::time(const PlanAt& plan_at) {
  std::vector<double> ms;
  const int warm_up = std::max(1, options_.frames / 5);
  for (int i = -warm_up; i < options_.frames; ++i) {
    const double taken = draw_to_nv12(plan_at(i));
    if (i >= 0) ms.push_back(taken);
  }
  return times_of(std::move(ms));
}

// The yardstick has to draw what we draw, but for its coarser steps.
void Bench::expect_same(const data::RenderPlan& plan, const std::vector<std::uint8_t>& stock) {
  const engine::GpuFramePtr frame = need(drawer_->make_frame(plan.canvas));
  need(drawer_->draw(plan, engine::GpuTarget{frame}, {}));
  const auto ours = need(frame->read());
  double sum = 0;
  for (std::size_t i = 0; i < stock.size(); ++i) sum += std::abs(stock[i] - ours.get()[i]);
  const double mean = sum / static_cast<double>(stock.size());
  if (mean > 5) give_up(fmt::format("the yardstick's picture differs by {:.1f} codes", mean));
}

Times Bench::time_stock(const PlanAt& plan_at) {
  std::vector<double> ms;
  std::vector<std::uint8_t> rgba;
  const int frames = std::max(3, options_.frames / 4);
  for (int i = -2; i < frames; ++i) {
    const data::RenderPlan plan = plan_at(i);
    const auto start = Clock::now();
    need(stock_->draw(plan, rgba));
    if (i >= 0) ms.push_back(ms_since(start));
  }
  expect_same(plan_at(frames - 1), rgba);
  return times_of(std::move(ms));
}

void Bench::report(const Case& which, const Times& times) {
  const auto number = [](double value) {
    return value > 0 ? fmt::format("{:.2f}", value) : std::string("-");
  };
  const std::string size = fmt::format("{}x{}", which.size.width_px, which.size.height_px);
  fmt::print("{:<44} {:>10} {:>8.3f} {:>8.3f} {:>8} {:>8}\n", which.what, size, times.p50,
             times.p95, number(which.goal_ms), number(which.stock_ms));
  std::fflush(stdout);
  write_json(fmt::format(
      R"({{"what": "{}", "size": "{}", "ms_p50": {:.4f}, "ms_p95": {:.4f}, "ms_max": {:.4f}, "n": {}, "goal_ms": {:.2f}, "stock_ms_p50": {:.3f}, "device": "{}"}})",
      which.what, size, times.p50, times.p95, times.max, times.count, which.goal_ms, which.stock_ms,
      name_));
}

void Bench::volume(std::int64_t edge, bool noisy) {
  const int threads = data::core_budget().usable;
  const data::VoxelBlockPtr block = need(bench::make_balls(edge, noisy, threads));
  const data::VolumeBlock volume{block, data::make_brick_maxima(*block, threads), {}, {1, 1, 1}};
  need(stock_->upload(*block));
  const std::string name = fmt::format("MIP {}^3 u16 {}", edge, noisy ? "noisy" : "sparse");
  for (const data::CanvasSize size : sizes()) {
    const auto plan_at = [&](bool still) {
      return [&, still](int frame) {
        data::RenderPlan plan = bench::volume_plan(volume, size, 3.0 * frame);
        plan.still = still;
        return plan;
      };
    };
    const bool large = size.width_px > 1920;
    const bool has_goal = !options_.quick && edge == 512;
    const double stock_ms = time_stock(plan_at(false)).p50;
    const auto run = [&](const std::string& what, bool still, double goal) {
      const Times times = time(plan_at(still));
      report({name + what, size, has_goal ? goal : 0, stock_ms}, times);
    };
    drawer_->set_skipping(true);
    run(", moving", false, large ? 3.5 : 1);
    run(", still", true, large ? 6 : 2);
    drawer_->set_skipping(false);
    run(", moving, nothing skipped", false, 0);
    run(", still, nothing skipped", true, 0);
    drawer_->set_skipping(true);
  }
}

void Bench::volumes() {
  const std::vector<std::int64_t> edges =
      options_.quick ? std::vector<std::int64_t>{48} : std::vector<std::int64_t>{256, 512, 1024};
  for (const std::int64_t edge : edges) {
    for (const bool noisy : {true, false}) volume(edge, noisy);
  }
}

void Bench::slices() {
  const data::VoxelBlockPtr plane = need(bench::make_noise_plane(options_.quick ? 256 : 4096));
  need(stock_->upload(*plane));
  for (const data::CanvasSize size : sizes()) {
    const auto plan_at = [&](int frame) { return bench::plane_plan(plane, size, frame); };
    const double stock_ms = time_stock(plan_at).p50;
    const bool has_goal = !options_.quick && size.width_px == 1920;
    report({"slice u16 linear", size, has_goal ? 0.3 : 0, stock_ms}, time(plan_at));
  }
}

// A moving view at 60 Hz while `fresh` becomes resident, as the server draws it: from the first frame that wants it to the moment
// when the drawer says that it has a better picture, in milliseconds; and then one frame more, or up to `frames_min`.
double Bench::arrive(const data::VolumeBlock& fresh, int frames_min, Frames& frames) {
  constexpr std::chrono::microseconds kPeriod(16667);
  const auto start = Clock::now();
  const auto end = start + std::chrono::milliseconds(options_.quick ? 200 : 2000);
  better_at_ = Clock::time_point();
  double first_ms = 0;
  for (int frame = 0;; ++frame) {
    const auto begin = Clock::now();
    const bool arrived = better_at_.load() != Clock::time_point() || begin > end;
    const bool last = arrived && frame >= frames_min;
    frames.ms.push_back(draw_to_nv12(bench::volume_plan(fresh, sizes().front(), 3.0 * frame)));
    if (Clock::now() > begin + kPeriod) ++frames.late;
    if (frame == 0) first_ms = ms_since(start);
    if (last) break;
    std::this_thread::sleep_until(begin + kPeriod);
  }
  const Clock::time_point better = better_at_.load();
  if (better != Clock::time_point())
    return std::chrono::duration<double, std::milli>(better - start).count();
  ++frames.at_once;  // it came before its first frame was drawn
  return first_ms;
}

// The same waited for, as a still picture does: of a few pixels.
double Bench::upload_at_once(const data::VoxelBlockPtr& fresh) {
  data::RenderPlan plan = bench::volume_plan({fresh, nullptr, {}, {1, 1, 1}}, {16, 16}, 0);
  plan.still = true;
  const auto start = Clock::now();
  const engine::GpuFramePtr target = need(drawer_->make_frame(plan.canvas));
  need(drawer_->draw(plan, engine::GpuTarget{target}, {}));
  need(target->read());
  return ms_since(start);
}

// Twelve volumes after each other: each of another shape, so that each takes fresh memory of the GPU, or all of one shape, where
// the uploader may make a texture ahead or use one again; the first two of these are fresh and are not counted.
void Bench::arrivals(const data::VoxelBlockPtr& large, bool alike, double stock_ms) {
  const int threads = data::core_budget().usable;
  const int uncounted = alike ? 2 : 0;
  Frames frames;
  std::vector<double> gb_per_s, resident_ms;
  for (int round = -uncounted; round < (options_.quick ? 2 : 12); ++round) {
    auto block = std::make_shared<data::VoxelBlock>(*bench::renamed(*large));
    if (!alike) block->shape[0] -= round + 1;
    const data::VolumeBlock fresh{block, data::make_brick_maxima(*block, threads), {}, {1, 1, 1}};
    // Who goes through time points looks at each for a while, in which the next texture is made: a few times a second.
    const int frames_min = alike && !options_.quick ? 15 : 0;
    Frames seen;
    const double ms = arrive(fresh, frames_min, round < 0 ? seen : frames);
    if (round < 0) continue;
    resident_ms.push_back(ms);
    gb_per_s.push_back(2.0 * static_cast<double>(block->shape[0] * block->shape[1]) *
                       static_cast<double>(block->shape[2]) / ms * 1e-6);
  }
  const double bytes = 2.0 * static_cast<double>(large->shape[0] * large->shape[1]) *
                       static_cast<double>(large->shape[2]);
  const std::string kind = alike ? "recycled" : "fresh";
  const std::string what = fmt::format("{:.0f} MB, {}", bytes * 1e-6, kind);
  const Times times = times_of(frames.ms);
  report({"frame while it arrives: " + what, sizes().front(), 16.6, 0}, times);
  const double rate = times_of(gb_per_s).p50;
  fmt::print(
      "  {}: resident after {:.1f} ms (p95 {:.1f}), {:.1f} GB/s (goal 8); frames max {:.1f} ms, "
      "{} of {} late; {} of {} arrived before a frame; the usual way {:.1f} ms\n",
      what, times_of(resident_ms).p50, times_of(resident_ms).p95, rate, times.max, frames.late,
      times.count, frames.at_once, resident_ms.size(), stock_ms);
  write_json(fmt::format(
      R"({{"what": "upload {}", "bytes": {:.0f}, "gb_per_s": {:.2f}, "goal_gb_per_s": 8, "resident_ms_p50": {:.2f}, "resident_ms_max": {:.2f}, "frame_ms_max": {:.2f}, "frames_late": {}, "frames": {}, "stock_ms": {:.2f}, "device": "{}"}})",
      kind, bytes, rate, times_of(resident_ms).p50, times_of(resident_ms).max, times.max,
      frames.late, times.count, stock_ms, name_));
}

void Bench::uploads() {
  const std::int64_t edge = options_.quick ? 64 : 512;
  const int threads = data::core_budget().usable;
  const data::VoxelBlockPtr large = need(bench::make_balls(edge, true, threads));
  std::vector<double> stock_ms, at_once_ms;
  for (int round = 0; round < 3; ++round) {
    const auto start = Clock::now();
    need(stock_->upload(*large));
    stock_ms.push_back(ms_since(start));
    at_once_ms.push_back(upload_at_once(bench::renamed(*large)));
  }
  drawer_->listen_better([this] { better_at_ = Clock::now(); });
  const data::VolumeBlock shown{large, data::make_brick_maxima(*large, threads), {}, {1, 1, 1}};
  for (int i = 0; i < 20; ++i)  // shaders are compiled, and bands measured
    draw_to_nv12(bench::volume_plan(shown, sizes().front(), 3.0 * i));
  for (const bool alike : {false, true}) arrivals(large, alike, times_of(stock_ms).p50);
  drawer_->listen_better(nullptr);
  fmt::print("  waited for, as by a still picture: {:.1f} ms the first, {:.1f} ms the last\n",
             at_once_ms.front(), at_once_ms.back());
  write_json(fmt::format(
      R"({{"what": "upload waited for", "ms_first": {:.2f}, "ms_last": {:.2f}, "stock_ms": {:.2f}, "device": "{}"}})",
      at_once_ms.front(), at_once_ms.back(), times_of(stock_ms).p50, name_));
}

Options parse(int argc, char** argv) {
  Options options;
  const auto number = [&](int& i) {
    char* end = nullptr;
    const long value = i + 1 < argc ? std::strtol(argv[++i], &end, 10) : -1;
    if (end == nullptr || *end != '\0' || value < 0 || value > 100000) {
      give_up("an option wants a number from 0 to 100000\n" + std::string(kHelp), 2);
    }
    return static_cast<int>(value);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--quick") {
      options.quick = true;
      options.frames = 5;
    } else if (option == "--json" && i + 1 < argc) {
      options.json = argv[++i];
    } else if (option == "--device") {
      options.device = number(i);
    } else if (option == "--frames") {
      options.frames = std::max(1, number(i));
    } else {
      give_up(fmt::format("option {} is not known\n{}", option, kHelp), 2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench(parse(argc, argv));
  bench.slices();
  bench.uploads();
  bench.volumes();
  return 0;
}
