#include "control/scene_host.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "scene/scene_builder.hpp"

namespace napari::control {
namespace {

// Facts about the picture rather than wishes for it.
bool draws(const Key& key) { return key.scope != Scope::camera && key.scope != Scope::stream; }

bool is_finite(const scene::CameraPose& pose) {
  const auto& plane = pose.plane;
  const auto& volume = pose.volume;
  double sum = plane.zoom + volume.distance + volume.fov;
  for (const double value : plane.center) sum += value;
  for (const double value : volume.center) sum += value;
  for (const double value : volume.angles) sum += value;
  return std::isfinite(sum);
}

}  // namespace

SceneHost::SceneHost(const data::ServeConfig& config) : config_(config) {
  const auto first = ledger_.commit(first_state());
  g_assert(first.has_value());
  ledger_.observe([this](const Commit& commit) { send_snapshot(commit); });
}

void SceneHost::attach(runtime::Runtime& runtime) {
  runtime_ = &runtime;
  runtime_->apply(make_snapshot(state()));
}

void SceneHost::send_snapshot(const Commit& commit) {
  if (runtime_ == nullptr || commit.kind == TransactionKind::mirror) return;
  if (std::any_of(commit.changed.begin(), commit.changed.end(), draws)) {
    runtime_->apply(make_snapshot(state()));
  }
}

gstx::Result<Commit> SceneHost::apply(const Outcome& outcome) {
  GSTX_ASSIGN_OR_RETURN(Commit commit, ledger_.commit(outcome.transaction));
  if (outcome.camera && runtime_ != nullptr) {
    scene::CameraCommand command = *outcome.camera;
    command.scene_version = commit.scene_version;
    runtime_->move_camera(command);
  }
  return commit;
}

gstx::Result<void> SceneHost::install(scene::OpenedImage opened) {
  auto dataset =
      std::make_shared<const Dataset>(Dataset{.id = ++datasets_, .opened = std::move(opened)});
  // A volume stays a volume; the first data set opens as the command line says.
  const bool idle = read_image(state()) == nullptr;
  const int ndisplay = idle ? config_.ndisplay : static_cast<int>(state().get(keys::kNdisplay));
  GSTX_ASSIGN_OR_RETURN(const Transaction transaction, load_scene(std::move(dataset), ndisplay));
  GSTX_TRY(ledger_.commit(transaction));
  mirror_pose(runtime_->home_pose(*make_snapshot(state())));
  return {};
}

void SceneHost::open(std::string path, std::function<void(gstx::Result<void>)> done) {
  if (runtime_ == nullptr) {
    done(gstx::fail(gstx::ErrorCode::unavailable, "the server is shutting down"));
    return;
  }
  if (opening_) {
    done(gstx::fail(gstx::ErrorCode::unavailable, "another data set is being opened"));
    return;
  }
  opening_ = true;
  runtime_->open(std::move(path), [this, alive = std::weak_ptr(alive_), done = std::move(done)](
                                      gstx::Result<scene::OpenedImage> opened) {
    if (alive.expired()) return;
    opening_ = false;
    if (runtime_ == nullptr) {
      done(gstx::fail(gstx::ErrorCode::unavailable, "the server is shutting down"));
    } else if (!opened) {
      done(gstx::fail(opened.error()));
    } else {
      done(install(std::move(*opened)));
    }
  });
}

void SceneHost::mirror_pose(const scene::CameraPose& pose) {
  if (!is_finite(pose)) return;
  Transaction transaction(TransactionKind::mirror);
  transaction.set(keys::kPose, pose);
  const auto commit = ledger_.commit(transaction);
  g_assert(commit.has_value());
}

void SceneHost::mirror_thumbnail(std::vector<std::uint8_t> pixels) {
  const auto& ids = state().get(keys::kLayerIds);
  constexpr auto kBytes = std::size_t{4} * scene::kThumbnailEdge * scene::kThumbnailEdge;
  if (ids.empty() || pixels.size() != kBytes) return;
  Transaction transaction(TransactionKind::mirror);
  transaction.set(keys::layer<keys::Bytes>(ids.front(), "thumbnail"), std::move(pixels));
  const auto commit = ledger_.commit(transaction);
  g_assert(commit.has_value());
}

void SceneHost::mirror_config(runtime::Tier tier, const data::StreamConfig& config) {
  Transaction transaction(TransactionKind::mirror);
  transaction.set(stream_key(tier), config);
  const auto commit = ledger_.commit(transaction);
  g_assert(commit.has_value());
}

TypedKey<data::StreamConfig> SceneHost::stream_key(runtime::Tier tier) {
  return {{Scope::stream, tier == runtime::Tier::web ? "web" : "napari", "config"}};
}

}  // namespace napari::control
