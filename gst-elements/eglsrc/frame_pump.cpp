#include "eglsrc/frame_pump.hpp"

namespace napari::elements {

FramePump::FramePump(engine::RenderDelegatePtr delegate, Settings settings)
    : delegate_(std::move(delegate)), settings_(settings) {
  listener_ = delegate_->listen([this] { note_damage(); });
}

FramePump::~FramePump() { delegate_->unlisten(listener_); }

void FramePump::note_damage() {
  // The lock orders the wake-up after a waiter's look at damage(): without it the waiter could miss both.
  const std::lock_guard lock(mutex_);
  wake_.notify_all();
}

void FramePump::set_frame_rate(double fps) {
  const std::lock_guard lock(mutex_);
  interval_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / fps));
}

void FramePump::set_credits(bool granted) {
  const std::lock_guard lock(mutex_);
  credits_ = granted;
  credit_ = true;
  wake_.notify_all();
}

void FramePump::grant_credit() {
  const std::lock_guard lock(mutex_);
  credit_ = true;
  wake_.notify_all();
}

void FramePump::repaint() {
  const std::lock_guard lock(mutex_);
  repaint_ = true;
  wake_.notify_all();
}

void FramePump::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  wake_.notify_all();
}

void FramePump::resume() {
  const std::lock_guard lock(mutex_);
  interrupted_ = false;
  credit_ = true;
}

FramePump::Stats FramePump::stats() const {
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  const auto summary = draw_times_.summary();
  stats.draw_ns_p50 = summary.p50_ns;
  stats.draw_ns_p95 = summary.p95_ns;
  return stats;
}

std::optional<FramePump::Task> FramePump::pick_task() const {
  const std::uint64_t damage = delegate_->damage();
  if (damage != seen_damage_) return Task::draw;
  if (last_ == nullptr) return std::nullopt;
  if (settings_.continuous) return Task::draw;
  if (repaint_) return Task::repaint;
  if (last_->still && settled_ < settings_.settle_frames) return Task::settle;
  if (!settings_.endless) return Task::repeat;
  return std::nullopt;
}

gstx::Result<FramePump::Task> FramePump::wait_for_task() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (interrupted_) return gstx::fail(gstx::ErrorCode::failed_precondition, "interrupted");
    const std::optional<Task> task = pick_task();
    if (!task || (credits_ && !credit_)) {
      wake_.wait(lock);
      continue;
    }
    if (Clock::now() >= deadline_) {
      advance_clock();
      credit_ = false;
      return *task;
    }
    wake_.wait_until(lock, deadline_);
  }
}

void FramePump::advance_clock() {
  const auto now = Clock::now();
  // A source that was late by more than an interval does not catch up: it starts a new grid.
  deadline_ = (now - deadline_ > interval_) ? now + interval_ : deadline_ + interval_;
}

gstx::Result<engine::PicturePtr> FramePump::draw() {
  const std::uint64_t damage = delegate_->damage();
  auto picture = delegate_->picture();
  const std::lock_guard lock(mutex_);
  // A draw that was given up has newer damage behind it. One that was interrupted has not, and is tried again.
  if (picture || delegate_->damage() != damage) seen_damage_ = damage;
  return picture;
}

FramePump::Outgoing FramePump::hand_out(Task task, engine::PicturePtr picture) {
  const std::lock_guard lock(mutex_);
  Outgoing outgoing{.picture = picture, .info = picture->info};
  if (picture != last_) settled_ = 0;
  if (task == Task::settle) ++settled_;
  const bool settles = picture->still && !settings_.continuous &&
                       (task == Task::settle || (task == Task::draw && picture != last_));
  repaint_ = false;
  outgoing.info.settle_index = task == Task::settle ? settled_ : 0;
  outgoing.info.settle_last = settles && settled_ == settings_.settle_frames;
  if (picture != last_) {
    ++stats_.pictures_drawn;
    draw_times_.add(picture->info.render_end_ns - picture->info.render_start_ns);
  }
  ++stats_.pictures_handed_out;
  last_ = std::move(picture);
  return outgoing;
}

gstx::Result<FramePump::Outgoing> FramePump::next() {
  while (true) {
    GSTX_ASSIGN_OR_RETURN(const Task task, wait_for_task());
    if (task != Task::draw) return hand_out(task, last_);
    auto picture = draw();
    const bool unchanged = picture && *picture == last_ && !settings_.continuous;
    if (picture && !unchanged) return hand_out(task, std::move(*picture));
    if (!picture && picture.error().code != gstx::ErrorCode::unavailable)
      return gstx::fail(std::move(picture).error());
    // Nothing left this time, so the credit is still there; the interval too, unless it is what paces another try.
    const std::lock_guard lock(mutex_);
    credit_ = true;
    if (seen_damage_ == delegate_->damage()) deadline_ = Clock::now();
  }
}

}  // namespace napari::elements
