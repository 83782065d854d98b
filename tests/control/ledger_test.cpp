// The ledger and the reducers as values: no socket, no main loop.
#include "control/ledger.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "control/handlers.hpp"
#include "control/keys.hpp"
#include "data/colormap.hpp"
#include "fakes/blocking_source.hpp"

namespace napari::control {
namespace {

const TypedKey<double> kOpacity = keys::layer<double>("layer-0", "opacity");
const TypedKey<std::string> kColormap = keys::layer<std::string>("layer-0", "colormap");

TEST(LedgerTest, VersionsGrowWithChangesOnly) {
  Ledger ledger;
  const auto write = [&](double value) {
    Transaction transaction;
    transaction.set(kOpacity, value);
    return ledger.commit(transaction);
  };
  EXPECT_EQ(ledger.state().version(kOpacity.key), 0U);
  EXPECT_EQ(write(0.5)->scene_version, 1U);
  EXPECT_EQ(ledger.state().version(kOpacity.key), 1U);
  const auto same = write(0.5);
  EXPECT_TRUE(same->changed.empty());
  EXPECT_EQ(same->scene_version, 1U);
  EXPECT_EQ(ledger.state().version(kOpacity.key), 1U);
  EXPECT_EQ(write(0.25)->scene_version, 2U);
  EXPECT_EQ(ledger.state().version(kOpacity.key), 2U);
  EXPECT_EQ(ledger.state().get(kOpacity), 0.25);
}

TEST(LedgerTest, ATransactionIsAllOrNothing) {
  Ledger ledger;
  Transaction first;
  first.set(kOpacity, 0.5);
  ASSERT_TRUE(ledger.commit(first));
  Transaction wrong;
  wrong.set(kColormap, std::string("gray"));
  wrong.set(TypedKey<bool>{kOpacity.key}, true);
  const LedgerState before = ledger.state();
  const auto commit = ledger.commit(wrong);
  ASSERT_FALSE(commit);
  EXPECT_EQ(commit.error().code, gstx::ErrorCode::invalid_argument);
  EXPECT_EQ(ledger.state(), before);
}

TEST(LedgerTest, ObserversSeeTheWholeCommitOnce) {
  Ledger ledger;
  std::vector<Commit> seen;
  ledger.observe([&](const Commit& commit) {
    EXPECT_EQ(ledger.state().get(kColormap), "hsv") << "the last write is in already";
    seen.push_back(commit);
  });
  Transaction transaction;
  transaction.set(kOpacity, 0.5).set(kColormap, std::string("hsv")).set(kOpacity, 0.75);
  ASSERT_TRUE(ledger.commit(transaction));
  ASSERT_TRUE(ledger.commit(transaction));
  ASSERT_EQ(seen.size(), 2U) << "0.75 -> 0.5 -> 0.75 is a change";
  EXPECT_EQ(seen[0].changed, (std::vector<Key>{kOpacity.key, kColormap.key}));
  EXPECT_EQ(seen[1].changed, (std::vector<Key>{kOpacity.key}));
  Transaction nothing;
  nothing.set(kColormap, std::string("hsv"));
  ASSERT_TRUE(ledger.commit(nothing));
  EXPECT_EQ(seen.size(), 2U);
}

TEST(LedgerTest, MirroredFactsAreNoSceneVersion) {
  Ledger ledger;
  Transaction mirror(TransactionKind::mirror);
  mirror.set(keys::kPose, scene::CameraPose{.plane = {.zoom = 3}});
  const auto commit = ledger.commit(mirror);
  EXPECT_EQ(commit->changed.size(), 1U);
  EXPECT_EQ(commit->scene_version, 0U);
  EXPECT_EQ(ledger.state().version(keys::kPose.key), 1U);
}

// An intent as a test writes it: the value is JSON text.
struct Wish {
  std::string scope, target, key, value;
};

std::ostream& operator<<(std::ostream& out, const Wish& wish) {
  return out << wish.scope << '.' << wish.target << '.' << wish.key << ' ' << wish.value;
}

Reduced reduce_wish(const LedgerState& state, const Wish& wish) {
  const auto document = JsonDocument::parse(wish.value);
  g_assert(document.has_value());
  return reduce(state, {wish.scope, wish.target, wish.key, document->root()});
}

void load_synthetic(Ledger& ledger) {
  ASSERT_TRUE(ledger.commit(first_state()));
  auto dataset = std::make_shared<Dataset>();
  dataset->id = 1;
  dataset->opened.source =
      std::make_shared<fakes::BlockingSource>(std::vector<std::int64_t>{3, 20, 40, 60}, 16, 3);
  dataset->opened.contrast_limits = {10, 200};
  dataset->opened.contrast_range = {0, 255};
  const auto load = load_scene(dataset, 2);
  ASSERT_TRUE(load);
  ASSERT_TRUE(ledger.commit(*load));
}

TEST(ReducerTest, ALevelChangeRescalesTheStepInTheSameTransaction) {
  Ledger ledger;
  load_synthetic(ledger);
  EXPECT_EQ(ledger.state().get(keys::kCurrentStep), (keys::Ints{1, 10, 0, 0}));
  const auto outcome = reduce_wish(ledger.state(), {"multiscale", "main", "level", "1"});
  ASSERT_TRUE(outcome);
  ASSERT_TRUE(ledger.commit(outcome->transaction));
  EXPECT_EQ(ledger.state().get(keys::kLevel), 1);
  EXPECT_TRUE(ledger.state().get(keys::kLevelPinned));
  EXPECT_EQ(ledger.state().get(keys::kCurrentStep), (keys::Ints{1, 5, 0, 0}));
  EXPECT_EQ(read_shape(ledger.state()), (keys::Ints{3, 10, 20, 30}));
}

TEST(ReducerTest, CameraCountersMakeEveryCommandAVersion) {
  Ledger ledger;
  load_synthetic(ledger);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const auto before = ledger.state().scene_version();
    const auto outcome =
        reduce_wish(ledger.state(), {"camera", "main", "pan", R"({"dx_px":1,"dy_px":1})"});
    ASSERT_TRUE(outcome);
    ASSERT_TRUE(ledger.commit(outcome->transaction));
    EXPECT_EQ(ledger.state().version(outcome->answered), i);
    EXPECT_EQ(ledger.state().scene_version(), before + 1);
  }
}

rc::Gen<std::string> any_value() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<std::int32_t>(), [](auto n) { return std::to_string(n); }),
      rc::gen::map(rc::gen::arbitrary<double>(),
                   [](double n) { return std::isfinite(n) ? fmt::format("{}", n) : "1e999"; }),
      rc::gen::element<std::string>(
          "null", "true", "false", "2.5", "[1,2]", "[2,1]", "[5,5]", "[1,2,3]", "{}", "\"\"",
          "\"viridis\"", "\"mip\"", "\"nearest\"", "\"iso\"", "\"1\"", "\"auto\"",
          R"({"factor":1.1,"anchor_px":[1,2]})", R"({"dx_px":3,"dy_px":-2})",
          R"({"d_az_deg":3,"d_el_deg":-2})", R"({"center":[1,2],"zoom":3})",
          R"({"center":[1,2,3],"angles":[1,2,3],"fov":30})", R"({"lo":3,"hi":1})"));
}

rc::Gen<Wish> any_wish() {
  return rc::gen::build<Wish>(
      rc::gen::set(&Wish::scope, rc::gen::element<std::string>("view", "dims", "camera", "layer",
                                                               "volume", "multiscale", "nope")),
      rc::gen::set(&Wish::target,
                   rc::gen::element<std::string>("main", "layer-0", "z", "0", "T", "layer-7", "")),
      rc::gen::set(&Wish::key,
                   rc::gen::element<std::string>(
                       "ndisplay", "index", "step", "zoom", "pan", "orbit", "reset", "set",
                       "visible", "opacity", "gamma", "colormap", "contrast_limits", "rendering",
                       "blending", "interpolation", "attenuation", "iso_threshold", "depiction",
                       "render_mode", "sample_step", "level", "policy", "nope")),
      rc::gen::set(&Wish::value, any_value()));
}

// What must hold of every state that intents can reach.
void check_invariants(const LedgerState& state) {
  const auto ndisplay = state.get(keys::kNdisplay);
  RC_ASSERT(ndisplay == 2 || ndisplay == 3);
  const auto shape = read_shape(state);
  const auto& step = state.get(keys::kCurrentStep);
  RC_ASSERT(step.size() == shape.size());
  for (std::size_t i = 0; i < step.size(); ++i) RC_ASSERT(step[i] >= 0 && step[i] < shape[i]);
  auto order = state.get(keys::kOrder);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    RC_ASSERT(order[i] == static_cast<std::int64_t>(i));
  }
  const auto& controls = read_layer(state, "layer-0").controls;
  RC_ASSERT(controls.opacity >= 0 && controls.opacity <= 1);
  RC_ASSERT(controls.gamma > 0 && std::isfinite(controls.gamma));
  RC_ASSERT(controls.contrast_limits[0] < controls.contrast_limits[1]);
  RC_ASSERT(std::isfinite(controls.contrast_limits[1] - controls.contrast_limits[0]));
  RC_ASSERT(data::find_colormap(controls.colormap) != nullptr);
  RC_ASSERT(controls.interpolation == "nearest" || controls.interpolation == "linear");
  RC_ASSERT(controls.rendering == "mip");
  RC_ASSERT(controls.attenuation == scene::LayerControls{}.attenuation);
  RC_ASSERT(controls.iso_threshold == scene::LayerControls{}.iso_threshold);
}

void check_command(const scene::CameraCommand& command) {
  RC_ASSERT(std::isfinite(command.factor) && command.factor > 0);
  for (const double value : {command.anchor_px[0], command.anchor_px[1], command.delta_px[0],
                             command.delta_px[1], command.delta_deg[0], command.delta_deg[1],
                             command.zoom.value_or(1), command.fov.value_or(0)}) {
    RC_ASSERT(std::isfinite(value));
  }
}

RC_GTEST_PROP(ReducerProperty, RandomIntentsKeepTheInvariants, ()) {
  Ledger ledger;
  load_synthetic(ledger);
  const auto wishes = *rc::gen::container<std::vector<Wish>>(any_wish());
  std::uint64_t version = ledger.state().scene_version();
  for (const Wish& wish : wishes) {
    const LedgerState before = ledger.state();
    const Reduced reduced = reduce_wish(before, wish);
    RC_ASSERT(ledger.state() == before);  // a reducer writes nothing
    if (!reduced) {
      RC_ASSERT(!reduced.error().message.empty());
      continue;
    }
    const auto commit = ledger.commit(reduced->transaction);
    RC_ASSERT(commit.has_value());
    RC_ASSERT(commit->scene_version == version + (commit->changed.empty() ? 0 : 1));
    version = commit->scene_version;
    if (!reduced->applied_json.empty()) {
      RC_ASSERT(JsonDocument::parse(reduced->applied_json).has_value());
    }
    if (reduced->camera) check_command(*reduced->camera);
    check_invariants(ledger.state());
  }
}

RC_GTEST_PROP(ReducerProperty, ReplayGivesTheSameState, ()) {
  const auto wishes = *rc::gen::container<std::vector<Wish>>(any_wish());
  Ledger first;
  Ledger second;
  load_synthetic(first);
  load_synthetic(second);
  for (Ledger* ledger : {&first, &second}) {
    for (const Wish& wish : wishes) {
      if (const auto reduced = reduce_wish(ledger->state(), wish)) {
        RC_ASSERT(ledger->commit(reduced->transaction).has_value());
      }
    }
  }
  auto a = first.state().entries();
  auto b = second.state().entries();
  a.erase(keys::kDataset.key);  // each has its own
  b.erase(keys::kDataset.key);
  RC_ASSERT(a == b);
}

}  // namespace
}  // namespace napari::control
