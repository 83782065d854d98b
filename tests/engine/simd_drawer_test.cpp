#include "engine/simd/simd_drawer.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/brick_maxima.hpp"
#include "data/dispatch.hpp"
#include "engine/draw_reference.hpp"
#include "engine/simd/kernels.hpp"

namespace napari::engine {
namespace {

constexpr data::DType kDTypes[] = {data::DType::u8,  data::DType::u16, data::DType::u32,
                                   data::DType::i8,  data::DType::i16, data::DType::i32,
                                   data::DType::f32, data::DType::f64};
using Shape = std::array<std::int64_t, 3>;

struct Random {
  std::mt19937 engine;
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine);
  }
};

// Values 0..100 of any dtype (-50..50 where signed), smooth enough that rounding a position hardly shows.
data::VoxelBlockPtr make_block(data::DType dtype, Shape shape, std::uint32_t seed) {
  auto draft = data::allocate_block(dtype, shape);
  EXPECT_TRUE(draft.has_value());
  Random random{std::mt19937(seed)};
  data::dispatch(dtype, [&]<typename T>() {
    const double low = std::is_signed_v<T> ? -50 : 0;
    for (std::size_t i = 0; i < draft->voxels.size() / sizeof(T); ++i) {
      const T value = static_cast<T>(low + std::floor(random.uniform(0, 101)));
      std::memcpy(draft->voxels.data() + i * sizeof(T), &value, sizeof(T));
    }
  });
  return data::finish_block(std::move(*draft));
}

data::Transfer transfer_of(data::DType dtype) {
  const bool is_signed =
      dtype != data::DType::u8 && dtype != data::DType::u16 && dtype != data::DType::u32;
  return is_signed ? data::Transfer{-45, 48, 1, 1, "gray"} : data::Transfer{3, 97, 1, 1, "gray"};
}

std::vector<std::uint8_t> drawn(Drawer& drawer, const data::RenderPlan& plan,
                                data::CanvasSize size) {
  const std::size_t stride = static_cast<std::size_t>(size.width_px) * 4;
  std::vector<std::uint8_t> rgba(stride * static_cast<std::size_t>(size.height_px), 7);
  const auto done = drawer.draw(plan, CpuTarget{rgba, stride, size}, std::stop_token());
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  return rgba;
}

// Bytes that differ by more than `tolerance`.
std::size_t count_off(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                      int tolerance) {
  EXPECT_EQ(a.size(), b.size());
  std::size_t off = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    off += std::abs(a[i] - b[i]) > tolerance ? 1 : 0;
  return off;
}

data::RenderPlan plane_plan(const data::VoxelBlockPtr& block, data::Interpolation interpolation) {
  data::RenderPlan plan;
  plan.canvas = {61, 43};
  plan.plane = {{1000014.3, 9.71}, 0.37};
  data::PlanLayer layer;
  layer.patches.push_back(
      {block, {1000000, 0}, {0.7, 0.9}, 1, 2, block->shape[2] - 1, block->shape[1]});
  layer.transfer = transfer_of(block->dtype);
  layer.interpolation = interpolation;
  plan.layers.push_back(std::move(layer));
  return plan;
}

// A random orthonormal view that looks at the middle of a volume of this shape.
data::VolumeView random_view(Random& random, Shape shape, bool perspective) {
  data::VolumeView view;
  const double a = random.uniform(0, 6.28);
  const double e = random.uniform(-1.5, 1.5);
  view.forward = {std::sin(e), std::cos(e) * std::cos(a), std::cos(e) * std::sin(a)};
  view.right = {0, -std::sin(a), std::cos(a)};
  const auto& f = view.forward;
  const auto& r = view.right;
  view.down = {f[1] * r[2] - f[2] * r[1], f[2] * r[0] - f[0] * r[2], f[0] * r[1] - f[1] * r[0]};
  for (std::size_t c = 0; c < 3; ++c)
    view.center[c] = static_cast<double>(shape[c]) / 2 + random.uniform(-4, 4);
  view.world_per_px = random.uniform(0.3, 1.2);
  view.perspective = perspective;
  view.distance = random.uniform(2, 60);
  return view;
}

data::RenderPlan volume_plan(const data::VoxelBlockPtr& block, const data::VolumeView& view,
                             data::Interpolation interpolation) {
  data::RenderPlan plan;
  plan.canvas = {75, 50};
  plan.ndisplay = 3;
  plan.volume = view;
  data::PlanLayer layer;
  layer.volume = data::VolumeBlock{block, data::make_brick_maxima(*block), {0, 0, 0}, {1, 1, 1}};
  layer.transfer = transfer_of(block->dtype);
  layer.interpolation = interpolation;
  plan.layers.push_back(std::move(layer));
  return plan;
}

// Each instruction set in turn.
class SimdDrawer : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
  std::unique_ptr<Drawer> drawer_ = make_simd_drawer(3);
};

INSTANTIATE_TEST_SUITE_P(Targets, SimdDrawer, testing::ValuesIn(simd::runnable_targets()),
                         [](const auto& instance) {
                           return std::string(hwy::TargetName(instance.param));
                         });

TEST_P(SimdDrawer, PlanesEqualTheReference) {
  for (const data::DType dtype : kDTypes) {
    for (const auto interpolation : {data::Interpolation::nearest, data::Interpolation::linear}) {
      const auto plan = plane_plan(make_block(dtype, {1, 23, 37}, 1), interpolation);
      for (const data::CanvasSize size : {plan.canvas, data::CanvasSize{30, 22}}) {
        const int tolerance = interpolation == data::Interpolation::nearest ? 0 : 1;
        EXPECT_EQ(count_off(drawn(*drawer_, plan, size), reference::draw(plan, size), tolerance),
                  0U)
            << data::to_string(dtype);
      }
    }
  }
}

TEST_P(SimdDrawer, LaterPatchesReplaceEarlierOnesInEveryLayer) {
  auto plan = plane_plan(make_block(data::DType::f32, {1, 23, 37}, 2), data::Interpolation::linear);
  data::PlanLayer over = plan.layers.front();
  over.patches.push_back(over.patches.front());
  over.patches.back().block = make_block(data::DType::f32, {1, 23, 37}, 3);
  over.patches.back().x1 = 20;
  over.transfer.opacity = 0.6;
  over.transfer.colormap = "viridis";
  plan.layers.push_back(over);
  EXPECT_EQ(count_off(drawn(*drawer_, plan, plan.canvas), reference::draw(plan, plan.canvas), 1),
            0U);
}

TEST_P(SimdDrawer, NotANumberHasTheColourOfTheLowestValue) {
  auto draft = data::allocate_block(data::DType::f32, {1, 4, 4});
  ASSERT_TRUE(draft.has_value());
  const float values[16] = {NAN, 1, 2, 3, INFINITY, -INFINITY, 0.5F, 0.25F, 1, 1, 1, 1, 0, 0, 0, 0};
  std::memcpy(draft->voxels.data(), values, sizeof(values));
  data::RenderPlan plan;
  plan.canvas = {4, 4};
  plan.plane = {{1.5, 1.5}, 1};
  data::PlanLayer layer;
  layer.patches.push_back({data::finish_block(std::move(*draft)), {0, 0}, {1, 1}, 0, 0, 4, 4});
  layer.transfer.colormap = "I Blue";
  plan.layers.push_back(layer);
  const auto picture = drawn(*drawer_, plan, plan.canvas);
  EXPECT_EQ(picture[0], 255);           // NaN: white, the colour of 0
  EXPECT_EQ(picture[4 * 1], 0);         // beside it, unharmed: the colour of 1
  EXPECT_EQ(picture[16 + 4 * 1], 255);  // -infinity
}

TEST_P(SimdDrawer, ProjectionsEqualTheReference) {
  Random random{std::mt19937(5)};
  for (const data::DType dtype : kDTypes) {
    const auto block = make_block(dtype, {19, 26, 33}, 6);
    for (const bool perspective : {false, true}) {
      for (const auto interpolation : {data::Interpolation::nearest, data::Interpolation::linear}) {
        const auto plan =
            volume_plan(block, random_view(random, block->shape, perspective), interpolation);
        const auto picture = drawn(*drawer_, plan, plan.canvas);
        const auto expected = reference::draw(plan, plan.canvas);
        // A position within its rounding of a voxel's edge may fall on either side.
        const std::size_t allowed = interpolation == data::Interpolation::nearest
                                        ? picture.size() / 500
                                        : picture.size() / 1000;
        EXPECT_LE(count_off(picture, expected, 1), allowed)
            << data::to_string(dtype) << (perspective ? " eye" : "");
      }
    }
  }
}

TEST_P(SimdDrawer, AlongAnAxisAProjectionIsTheMaximum) {
  const auto block = make_block(data::DType::u16, {9, 11, 13}, 7);
  const data::Vec3 units[3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (std::size_t k = 0; k < 3; ++k) {
    const std::size_t a = k == 0 ? 1 : 0;
    const std::size_t b = k == 2 ? 1 : 2;
    data::VolumeView view;
    view.center = {4, 5, 6};
    view.forward = units[k];
    view.right = units[b];
    view.down = units[a];
    auto plan = volume_plan(block, view, data::Interpolation::linear);
    plan.canvas = {static_cast<int>(block->shape[b]), static_cast<int>(block->shape[a])};
    const auto picture = drawn(*drawer_, plan, plan.canvas);
    for (std::int64_t ia = 0; ia < block->shape[a]; ++ia) {
      for (std::int64_t ib = 0; ib < block->shape[b]; ++ib) {
        double most = 0;
        for (std::int64_t ik = 0; ik < block->shape[k]; ++ik) {
          Shape index{};
          index[k] = ik;
          index[a] = ia;
          index[b] = ib;
          most = std::max(most, reference::voxel(*block, index[0], index[1], index[2]));
        }
        const double code = std::floor(255 * reference::color(plan.layers[0].transfer, most)[0] +
                                       0.5 + 1.0 / 65536);
        EXPECT_EQ(picture[static_cast<std::size_t>(ia * block->shape[b] + ib) * 4], code);
      }
    }
  }
}

// About every second brick holds one bright speck, so that a brick skipped wrongly shows.
data::VoxelBlockPtr make_sparse(data::DType dtype, Shape shape, Random& random) {
  auto draft = data::allocate_block(dtype, shape);
  EXPECT_TRUE(draft.has_value());
  data::dispatch(dtype, [&]<typename T>() {
    for (std::size_t i = 0; i < draft->voxels.size() / sizeof(T); ++i) {
      T value{};
      if (random.uniform(0, 1) < 0.0006) value = static_cast<T>(random.uniform(5, 95));
      if constexpr (std::is_same_v<T, float>) {
        if (random.uniform(0, 1) < 0.001) value = std::numeric_limits<float>::quiet_NaN();
        if (random.uniform(0, 1) < 0.001) value = -1e30F;
      }
      std::memcpy(draft->voxels.data() + i * sizeof(T), &value, sizeof(T));
    }
  });
  return data::finish_block(std::move(*draft));
}

TEST_P(SimdDrawer, SkippingDoesNotChangeABit) {
  Random random{std::mt19937(11)};
  for (int round = 0; round < 24; ++round) {
    Shape shape{};
    for (std::int64_t& extent : shape)
      extent = 1 + static_cast<std::int64_t>(random.uniform(0, 60));
    const auto block = make_sparse(kDTypes[round % 8], shape, random);
    const auto interpolation =
        round % 3 == 0 ? data::Interpolation::nearest : data::Interpolation::linear;
    const auto plan = volume_plan(block, random_view(random, shape, round % 2 == 1), interpolation);
    drawer_->set_skipping(true);
    const auto skipped = drawn(*drawer_, plan, plan.canvas);
    drawer_->set_skipping(false);
    EXPECT_EQ(skipped, drawn(*drawer_, plan, plan.canvas)) << "round " << round;
  }
}

// A block whose over-read allowance ends where memory does.
data::VoxelBlockPtr guarded(const data::VoxelBlock& source) {
  const auto bytes = static_cast<std::size_t>(data::block_bytes(source));
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t readable = (bytes + data::kOverReadBytes + page - 1) / page * page;
  void* const memory =
      mmap(nullptr, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  auto* const start = static_cast<std::byte*>(memory);
  EXPECT_EQ(mprotect(start + readable, page, PROT_NONE), 0);
  std::byte* const voxels = start + readable - bytes - data::kOverReadBytes;
  std::memcpy(voxels, source.voxels.get(), bytes);
  auto block = std::make_shared<data::VoxelBlock>(source);
  block->id = data::next_block_id();
  block->voxels = std::shared_ptr<const std::byte>(
      voxels, [start, readable, page](const std::byte*) { munmap(start, readable + page); });
  return block;
}

TEST_P(SimdDrawer, ReadsNoFurtherThanAllowed) {
  Random random{std::mt19937(13)};
  for (const data::DType dtype : kDTypes) {
    for (const auto interpolation : {data::Interpolation::nearest, data::Interpolation::linear}) {
      const auto plane = plane_plan(guarded(*make_block(dtype, {1, 23, 37}, 1)), interpolation);
      drawn(*drawer_, plane, plane.canvas);
      const auto block = guarded(*make_block(dtype, {9, 10, 11}, 1));
      const auto volume =
          volume_plan(block, random_view(random, block->shape, false), interpolation);
      drawn(*drawer_, volume, volume.canvas);
    }
  }
}

TEST_P(SimdDrawer, ARequestedStopEndsIt) {
  const auto plan =
      plane_plan(make_block(data::DType::u8, {1, 23, 37}, 1), data::Interpolation::nearest);
  std::stop_source stop;
  stop.request_stop();
  std::vector<std::uint8_t> rgba(61 * 43 * 4);
  const auto done = drawer_->draw(plan, CpuTarget{rgba, 61 * 4, plan.canvas}, stop.get_token());
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, gstx::ErrorCode::unavailable);
}

TEST_P(SimdDrawer, ABadPlanIsAnErrorThatNamesIt) {
  auto plan = plane_plan(make_block(data::DType::u8, {1, 23, 37}, 1), data::Interpolation::nearest);
  std::vector<std::uint8_t> rgba(61 * 43 * 4);
  const auto message = [&] {
    const auto done = drawer_->draw(plan, CpuTarget{rgba, 61 * 4, plan.canvas}, std::stop_token());
    return done ? std::string("drawn") : done.error().message;
  };
  plan.layers[0].patches[0].x1 = 38;
  EXPECT_NE(message().find("paints"), std::string::npos) << message();
  plan.layers[0].patches[0].x1 = 37;
  plan.layers[0].transfer.colormap = "no such map";
  EXPECT_NE(message().find("no such map"), std::string::npos) << message();
}

}  // namespace
}  // namespace napari::engine
