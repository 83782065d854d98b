#include "runtime/director.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "data/memory.hpp"
#include "runtime/plan_builder.hpp"

namespace napari::runtime {
namespace {

constexpr std::size_t kSubmittedMax = 8;
// Plans are made at most at twice the picture rate: often enough that none waits long, not once an event.
std::int64_t plan_interval_ns(int fps) { return 500'000'000 / fps; }

// The last three axes of the order, whose world the poses are in.
std::vector<int> posed_axes(const scene::Dims& dims) {
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(3, dims.order.size()));
  return {dims.order.end() - count, dims.order.end()};
}

}  // namespace

Director::Director(DirectorConfig config, DirectorEvents events)
    : config_(config),
      events_(std::move(events)),
      cache_(config.memory_budget_bytes),
      planes_({cache_, failed_}),
      volumes_(failed_, config.memory_budget_bytes / 2),
      governor_(config.canvas, config.fps),
      plan_clock_(plan_interval_ns(config.fps)),
      pose_clock_(1'000'000'000 / config.fps),
      levels_(governor_) {}

void Director::touch(std::int64_t now_ns) {
  if (!is_moving(now_ns) && level_ >= 0 && subject_)
    governor_.prepare_motion(levels_.moving_load(*subject_));
  input_ns_ = now_ns;
  refining_ = false;
  dirty_ = true;
}

void Director::take_inputs(scene::RenderSnapshotPtr snapshot,
                           const std::vector<scene::CameraCommand>& commands, std::int64_t now_ns) {
  for (const auto& command : commands) {
    if (snapshot && command.scene_version > snapshot->scene_version)
      take_snapshot(std::exchange(snapshot, nullptr), now_ns);
    if (!snapshot_) continue;
    const scene::CameraContext context{snapshot_->dims.ndisplay, config_.canvas, home_};
    pose_ = scene::apply_camera(pose_, command, context);
    version_ = std::max(version_, command.scene_version);
    pose_dirty_ = true;
    touch(now_ns);
  }
  if (snapshot) take_snapshot(std::move(snapshot), now_ns);
}

void Director::take_snapshot(scene::RenderSnapshotPtr snapshot, std::int64_t now_ns) {
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  version_ = std::max(version_, snapshot_->scene_version);
  if (before && draws_alike(*before, *snapshot_)) return;
  if (!before || before->dataset_id != snapshot_->dataset_id || before->image != snapshot_->image) {
    adopt_image();
  } else {
    note_scrub(before->dims, snapshot_->dims);
    if (posed_axes(before->dims) != posed_axes(snapshot_->dims)) go_home();
  }
  cut_image();
  thumbnail_wanted_.clear();
  thumbnail_due_ns_ = std::max(now_ns, thumbnail_last_ns_ + kThumbnailIntervalNs);
  touch(now_ns);
}

void Director::adopt_image() {
  for (const auto* left : {&subject_, &shown_})
    if (*left) cache_.drop_dataset((*left)->dataset);
  volumes_.drop_other_datasets(snapshot_->dataset_id);
  cache_.set_bytes_max(config_.memory_budget_bytes - volumes_.bytes());
  failed_.clear();
  shown_.reset();
  thumbnail_.reset();
  scrub_axis_ = kNoAxis;
  go_home();
}

// The axes that are shown are new, and so is their world: an old pose means nothing in it.
void Director::go_home() {
  levels_.reset();
  if (!snapshot_->image) return;
  const auto box = world_box(snapshot_->image->info(), snapshot_->dims);
  if (!box) return;
  box_ = *box;
  home_ = pose_ = scene::home_pose(box_, config_.canvas);
  pose_dirty_ = true;
}

void Director::cut_image() {
  subject_.reset();
  if (!snapshot_->image) return;
  auto slicing = slice_image(snapshot_->image->info(), snapshot_->dims);
  if (slicing)
    subject_ = Subject{snapshot_->dataset_id, snapshot_->image, std::move(*slicing)};
  else if (events_.on_error)
    events_.on_error(slicing.error());
}

void Director::note_scrub(const scene::Dims& before, const scene::Dims& after) {
  if (before.current_step.size() != after.current_step.size()) return;
  const auto shown = after.displayed();
  for (std::size_t axis = 0; axis < after.current_step.size(); ++axis) {
    if (before.current_step[axis] == after.current_step[axis]) continue;
    if (std::find(shown.begin(), shown.end(), static_cast<int>(axis)) != shown.end()) continue;
    scrub_axis_ = static_cast<int>(axis);
    scrub_step_ = after.current_step[axis] > before.current_step[axis] ? 1 : -1;
  }
}

void Director::take_block(LoadResult result, std::int64_t now_ns) {
  const LoadKey& key = result.request.key;
  if (!subject_ || key.chunk.dataset != subject_->dataset) return;  // of a data set that was left
  if (!result.block) {
    if (failed_.add(key, result.block.error(), now_ns) && events_.on_error)
      events_.on_error(result.block.error());
  } else {
    failed_.succeeded(key);
    if (key.kind == ReadKind::volume) {
      volumes_.insert(result);
      cache_.set_bytes_max(config_.memory_budget_bytes - volumes_.bytes());
    } else if (!cache_.insert(key.chunk, *result.block, result.request.pin)) {
      failed_.add(key, {gstx::ErrorCode::failed_precondition, "over the memory budget"}, now_ns);
    }
  }
  dirty_ = true;
}

bool Director::take_drawn(const data::FrameInfo& info) {
  if (info.frame_id == frame_measured_) return false;  // another tier's report of the same picture
  frame_measured_ = info.frame_id;
  // A source draws the newest plan, so the picture is of the last plan that was submitted before it began.
  const auto plan = std::find_if(submitted_.rbegin(), submitted_.rend(), [&](const Submitted& s) {
    return s.at_ns <= info.render_start_ns;
  });
  if (plan == submitted_.rend()) return false;
  const double draw_ms = static_cast<double>(info.render_end_ns - info.render_start_ns) / 1e6;
  governor_.on_drawn(plan->load, plan->scale, draw_ms, plan->moving);
  const bool settled = plan == submitted_.rbegin() && plan_->still && plan->load.ndisplay == 3;
  if (!settled || refining_) return false;
  refining_ = true;
  dirty_ = true;
  return true;
}

std::int64_t Director::step(std::int64_t now_ns) {
  if (!snapshot_) return kNeverNs;
  const bool moving = is_moving(now_ns);
  if ((was_moving_ && !moving) || now_ns >= retry_ns_) dirty_ = true;
  if (dirty_ && plan_clock_.is_due(now_ns)) {
    plan_clock_.mark(now_ns);
    dirty_ = false;
    was_moving_ = moving;
    draw(now_ns);
  }
  if (pose_dirty_ && pose_clock_.is_due(now_ns)) send_pose(now_ns);
  if (now_ns >= thumbnail_due_ns_) draw_thumbnail(now_ns);
  retry_ns_ = failed_.next_retry_ns(now_ns);
  std::int64_t next = std::min(thumbnail_due_ns_, retry_ns_);
  if (dirty_) next = std::min(next, plan_clock_.due_ns());
  if (pose_dirty_) next = std::min(next, pose_clock_.due_ns());
  if (was_moving_) next = std::min(next, input_ns_ + kStillAfterNs);
  return next;
}

void Director::send_pose(std::int64_t now_ns) {
  pose_clock_.mark(now_ns);
  pose_dirty_ = false;
  if (events_.on_pose) events_.on_pose(pose_, version_);
}

void Director::draw(std::int64_t now_ns) {
  if (!subject_) {
    update_want({});
    shown_version_ = version_;
    report_level(-1);
    submit({}, snapshot_->dims.ndisplay, false, now_ns);
    return;
  }
  Content content = gather(*subject_, now_ns);
  auto wanted = std::move(content.wanted);
  wanted.insert(wanted.end(), thumbnail_wanted_.begin(), thumbnail_wanted_.end());
  update_want(std::move(wanted));
  if (content.anything) {
    shown_ = subject_;
    shown_version_ = version_;
    report_level(content.level);
    submit(content, subject_->slicing.ndisplay, false, now_ns);
  } else if (shown_) {
    submit(gather(*shown_, now_ns), shown_->slicing.ndisplay, true, now_ns);
  } else {
    submit({}, subject_->slicing.ndisplay, true, now_ns);
  }
  planes_.end_plan();
}

Content Director::gather(const Subject& subject, std::int64_t now_ns) {
  return subject.slicing.ndisplay == 3 ? gather_volume(subject, now_ns)
                                       : gather_plane(subject, now_ns);
}

Content Director::gather_plane(const Subject& subject, std::int64_t now_ns) {
  const LevelContext context{*snapshot_, pose_, config_.canvas, is_moving(now_ns), now_ns};
  return planes_.gather({.subject = subject,
                         .view = scene::plane_view(pose_.plane),
                         .canvas = config_.canvas,
                         .level = levels_.plane_level(subject, context),
                         .coarsest = coarsest_of(subject),
                         .now_ns = now_ns,
                         .scrub_axis = scrub_axis_,
                         .scrub_step = scrub_step_});
}

Content Director::gather_volume(const Subject& subject, std::int64_t now_ns) {
  const int coarsest = coarsest_of(subject);
  const LevelSlice& smallest = subject.slicing.levels[static_cast<std::size_t>(coarsest)];
  if (smallest.bytes() > volumes_.bytes_max()) {
    const LoadKey key{
        {subject.dataset, coarsest, smallest.region()}, ReadKind::volume, smallest.axes};
    const gstx::Error error{
        gstx::ErrorCode::failed_precondition,
        fmt::format("the volume of level {} takes {}, and the memory budget leaves {} for volumes: "
                    "show it in 2-D or raise --memory-budget",
                    coarsest, data::format_bytes(smallest.bytes()),
                    data::format_bytes(volumes_.bytes_max()))};
    if (failed_.add(key, error, now_ns) && events_.on_error) events_.on_error(error);
    Content nothing;
    nothing.anything = true;
    return nothing;
  }
  const LevelContext context{*snapshot_, pose_, config_.canvas, is_moving(now_ns), now_ns};
  const auto chosen = levels_.volume_levels(subject, context, volumes_.bytes_max());
  return volumes_.gather({.subject = subject,
                          .coarsest = coarsest,
                          .finest = refining_ ? chosen.finest : chosen.still,
                          .level = chosen.still,
                          .moving_level = chosen.moving,
                          .moving = is_moving(now_ns),
                          .now_ns = now_ns});
}

void Director::submit(const Content& content, int ndisplay, bool held, std::int64_t now_ns) {
  const bool moving = is_moving(now_ns);
  const double scale = moving ? governor_.moving_scale(ndisplay) : 1;
  auto plan = build_plan({.snapshot = *snapshot_,
                          .pose = pose_,
                          .content = content,
                          .ndisplay = ndisplay,
                          .canvas = config_.canvas,
                          .draw_scale = scale,
                          .still = !moving && !held && !content.missing,
                          .scene_version = shown_version_});
  if (plan_ && is_same_picture(*plan_, *plan)) return;
  plan_ = plan;
  const double planes =
      content.volume ? static_cast<double>(*std::max_element(content.volume->block->shape.begin(),
                                                             content.volume->block->shape.end()))
                     : 1;
  if (content.volume || !content.patches.empty()) {
    submitted_.push_back({now_ns, {ndisplay, planes}, scale, moving});
    if (submitted_.size() > kSubmittedMax) submitted_.pop_front();
  }
  if (events_.submit) events_.submit(std::move(plan));
}

void Director::update_want(std::vector<LoadRequest> wanted) {
  const bool same = std::equal(wanted.begin(), wanted.end(), wanted_.begin(), wanted_.end(),
                               [](const LoadRequest& a, const LoadRequest& b) {
                                 return a.key == b.key && a.priority == b.priority;
                               });
  if (same) return;
  wanted_ = wanted;
  if (events_.want) events_.want(std::move(wanted));
}

void Director::report_level(int level) {
  if (level == level_) return;
  level_ = level;
  if (events_.on_level) events_.on_level(level);
}

Content Director::gather_thumbnail(std::int64_t now_ns) {
  const int coarsest = coarsest_of(*subject_);
  if (subject_->slicing.ndisplay == 3)
    return volumes_.gather({.subject = *subject_,
                            .coarsest = coarsest,
                            .level = coarsest,
                            .moving_level = coarsest,
                            .now_ns = now_ns});
  const auto home = scene::home_pose(box_, kThumbnailSize);
  return planes_.gather({.subject = *subject_,
                         .view = scene::plane_view(home.plane),
                         .canvas = kThumbnailSize,
                         .level = coarsest,
                         .coarsest = coarsest,
                         .now_ns = now_ns});
}

void Director::draw_thumbnail(std::int64_t now_ns) {
  thumbnail_due_ns_ = kNeverNs;
  if (!subject_ || snapshot_->layers.empty()) return;
  Content content = gather_thumbnail(now_ns);
  if (content.missing) {  // asked for behind what is in view, and looked at again
    thumbnail_wanted_ = std::move(content.wanted);
    for (auto& request : thumbnail_wanted_) request.priority = 2;
    thumbnail_due_ns_ = now_ns + kThumbnailIntervalNs;
    dirty_ = true;
    return;
  }
  thumbnail_wanted_.clear();
  auto plan = build_thumbnail_plan({.snapshot = *snapshot_,
                                    .pose = pose_,
                                    .content = content,
                                    .ndisplay = subject_->slicing.ndisplay},
                                   box_);
  if (thumbnail_ && is_same_picture(*thumbnail_, *plan)) return;
  thumbnail_ = plan;
  thumbnail_last_ns_ = now_ns;
  if (events_.on_thumbnail) events_.on_thumbnail(std::move(plan));
}

Director::Report Director::report() const {
  return {level_, plan_ ? plan_->draw_scale : 1,
          static_cast<std::uint64_t>(cache_.stats().bytes + volumes_.bytes())};
}

}  // namespace napari::runtime
