// Times drawing and conversion on the CPU and prints one JSON object a line: {"what", "size", "threads", "target", "ms_p50",
// "ms_min", "repeat"}. `draw_bench [repeat]`. Data are synthetic: noise for planes (the worst case for look-ups), a head-like
// shell for volumes.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "data/brick_maxima.hpp"
#include "data/voxel_block.hpp"
#include "engine/color_convert.hpp"
#include "engine/drawer.hpp"
#include "engine/simd/kernels.hpp"
#include "engine/simd/simd_drawer.hpp"

namespace {

using namespace napari;
using namespace napari::engine;

struct Bench {
  int repeat;
  int threads;
  std::string target;

  void time(const std::string& what, data::CanvasSize size,
            const std::function<void()>& work) const {
    std::vector<double> times_ms;
    work();
    for (int i = 0; i < repeat; ++i) {
      const auto start = std::chrono::steady_clock::now();
      work();
      times_ms.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
              .count());
    }
    std::ranges::sort(times_ms);
    fmt::print(
        "{{\"what\": \"{}\", \"size\": \"{}x{}\", \"threads\": {}, \"target\": \"{}\", \"ms_p50\": "
        "{:.3f}, "
        "\"ms_min\": {:.3f}, \"repeat\": {}}}\n",
        what, size.width_px, size.height_px, threads, target, times_ms[times_ms.size() / 2],
        times_ms.front(), repeat);
  }
};

[[noreturn]] void give_up(const gstx::Error& error) {
  fmt::print(stderr, "draw_bench: {}\n", error.message);
  std::exit(1);
}

data::BlockDraft make_draft(std::array<std::int64_t, 3> shape) {
  auto draft = data::allocate_block(data::DType::u16, shape);
  if (!draft) give_up(draft.error());
  return std::move(*draft);
}

data::VoxelBlockPtr noise_plane(std::int64_t height, std::int64_t width) {
  data::BlockDraft draft = make_draft({1, height, width});
  auto* voxels = reinterpret_cast<std::uint16_t*>(draft.voxels.data());
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < height * width; ++i) {
    state = state * 1664525U + 1013904223U;
    voxels[i] = static_cast<std::uint16_t>(state >> 16);
  }
  return data::finish_block(std::move(draft));
}

// Empty outside a ball, textured inside, brightest in a shell: roughly what a CT of a head is like.
data::VoxelBlockPtr head(std::int64_t edge) {
  data::BlockDraft draft = make_draft({edge, edge, edge});
  auto* voxel = reinterpret_cast<std::uint16_t*>(draft.voxels.data());
  std::uint32_t state = 1;
  const double half = static_cast<double>(edge - 1) / 2;
  for (std::int64_t z = 0; z < edge; ++z) {
    for (std::int64_t y = 0; y < edge; ++y) {
      for (std::int64_t x = 0; x < edge; ++x) {
        const double r = std::hypot(static_cast<double>(z) - half, static_cast<double>(y) - half,
                                    static_cast<double>(x) - half) /
                         half;
        state = state * 1664525U + 1013904223U;
        const double texture = static_cast<double>(state >> 20);
        *voxel++ = static_cast<std::uint16_t>(r > 0.9   ? 0
                                              : r > 0.8 ? 20000 + 4 * texture
                                                        : 8000 + 2 * texture);
      }
    }
  }
  return data::finish_block(std::move(draft));
}

void draw(Drawer& drawer, const data::RenderPlan& plan, data::CanvasSize size,
          std::vector<std::uint8_t>& rgba) {
  const std::size_t stride = static_cast<std::size_t>(size.width_px) * 4;
  rgba.resize(stride * static_cast<std::size_t>(size.height_px));
  if (auto done = drawer.draw(plan, CpuTarget{rgba, stride, size}, std::stop_token()); !done)
    give_up(done.error());
}

void bench_planes(const Bench& bench, Drawer& drawer) {
  data::RenderPlan plan;
  plan.canvas = {1920, 1080};
  plan.plane = {{1000, 600}, 0.93};
  data::PlanLayer layer;
  const data::VoxelBlockPtr block = noise_plane(1200, 2000);
  layer.patches.push_back({block, {0, 0}, {1, 1}, 0, 0, 2000, 1200});
  layer.transfer = {0, 65535, 1, 1, "viridis"};
  std::vector<std::uint8_t> rgba;
  for (const bool linear : {false, true}) {
    layer.interpolation = linear ? data::Interpolation::linear : data::Interpolation::nearest;
    plan.layers = {layer};
    bench.time(linear ? "slice u16 linear" : "slice u16 nearest", plan.canvas,
               [&] { draw(drawer, plan, plan.canvas, rgba); });
  }
}

void bench_volume(const Bench& bench, Drawer& drawer, std::int64_t edge) {
  data::RenderPlan plan;
  plan.canvas = {1920, 1080};
  plan.ndisplay = 3;
  const double middle = static_cast<double>(edge - 1) / 2;
  plan.volume.center = {middle, middle, middle};
  plan.volume.world_per_px = static_cast<double>(edge) / 1000;
  const double c = std::sqrt(0.5);
  plan.volume.forward = {c, 0.5, 0.5};  // an oblique view
  plan.volume.right = {0, -c, c};
  plan.volume.down = {c, -0.5, -0.5};
  data::PlanLayer layer;
  const data::VoxelBlockPtr block = head(edge);
  layer.volume = data::VolumeBlock{
      block, data::make_brick_maxima(*block, bench.threads), {0, 0, 0}, {1, 1, 1}};
  layer.transfer = {0, 40000, 1, 1, "gray"};
  plan.layers = {layer};
  std::vector<std::uint8_t> rgba;
  for (const data::CanvasSize size :
       {data::CanvasSize{480, 270}, data::CanvasSize{960, 540}, data::CanvasSize{1920, 1080}}) {
    for (const bool skipping : {true, false}) {
      drawer.set_skipping(skipping);
      bench.time(fmt::format("mip {} u16 linear{}", edge, skipping ? "" : ", nothing skipped"),
                 size, [&] { draw(drawer, plan, size, rgba); });
    }
  }
}

void bench_conversion(const Bench& bench) {
  const data::CanvasSize size{1920, 1080};
  const std::size_t luma = 1920UL * 1080;
  std::vector<std::uint8_t> rgba(4 * luma);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : rgba)
    byte = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  std::vector<std::uint8_t> planes(luma * 3 / 2);
  VideoTarget target{
      VideoLayout::nv12, size, {planes.data(), planes.data() + luma, nullptr}, {1920, 1920, 0}};
  ColorConverter converter(bench.threads);
  for (const data::CanvasSize source : {size, data::CanvasSize{960, 540}}) {
    bench.time(source == size ? "rgba to nv12" : "rgba to nv12 from half the size", size, [&] {
      const RgbaView view{rgba.data(), 4 * static_cast<std::size_t>(source.width_px), source};
      if (auto done = converter.convert(view, target, {}); !done) give_up(done.error());
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int repeat = argc > 1 ? std::max(3, std::atoi(argv[1])) : 31;
  const Bench bench{repeat, 2, simd::target_name()};
  const auto drawer = make_simd_drawer(bench.threads);
  bench_planes(bench, *drawer);
  bench_conversion(bench);
  bench_volume(bench, *drawer, 256);
  return 0;
}
