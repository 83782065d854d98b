#include "engine/gl/gl_uploader.hpp"

#include <algorithm>
#include <utility>

#include "data/core_budget.hpp"
#include "engine/gl/gl_fence.hpp"

namespace napari::engine {
namespace {

using gstx::ErrorCode;
using Outcome = Upload::Outcome;

constexpr GLuint64 kHangNs = 20'000'000'000;

}  // namespace

GlUploader::GlUploader(Params params)
    : params_(std::move(params)),
      ring_(params_.limits, params_.software, copy_threads(data::core_budget().usable)) {}

GlUploader::~GlUploader() {
  listen(nullptr);
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  const auto release = [this] {
    for (const UploadPtr& upload : queue_) upload->texture_ = BlockTexture();
    queue_.clear();
    trash_.clear();
    spare_.reset();
    ring_.release();
  };
  if (has_thread()) {
    params_.context->run(release);
  } else {
    release();
  }
}

gstx::Result<void> GlUploader::warm_up() {
  gstx::Result<void> ready;
  if (has_thread()) {
    params_.context->run([&] { ready = ring_.prepare(); });
  } else {
    ready = ring_.prepare();
  }
  return ready;
}

// --- what the drawing thread asks for ---

UploadPtr GlUploader::start(data::VoxelBlockPtr block, BlockTexture into, bool is_volume,
                            std::shared_ptr<const data::BrickMaxima> bricks) {
  auto upload = std::make_shared<Upload>(block->id);
  upload->texture_ = std::move(into);
  upload->texture_.kind = texture_kind(*block, is_volume);
  upload->block_ = std::move(block);
  upload->bricks_ = std::move(bricks);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(upload);
  }
  wake();
  return upload;
}

bool GlUploader::is_full() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() >= kQueueMax;
}

Outcome GlUploader::outcome(const Upload& of) const {
  const std::lock_guard lock(mutex_);
  return of.outcome_;
}

void GlUploader::want(const std::vector<std::uint64_t>& block_ids, PictureFor whom) {
  const std::lock_guard lock(mutex_);
  for (const UploadPtr& upload : queue_) {
    upload->wanted_ = std::ranges::find(block_ids, upload->id_) != block_ids.end();
    if (whom == PictureFor::viewers) upload->awaited_ = false;
  }
}

bool GlUploader::tell_of(Upload& upload) {
  const std::lock_guard lock(mutex_);
  if (upload.outcome_ != Outcome::coming) return false;
  upload.awaited_ = true;
  return true;
}

bool GlUploader::wait(const Upload& upload, const std::stop_token& stop) {
  if (!has_thread()) {
    while (outcome(upload) == Outcome::coming) {
      if (stop.stop_requested()) return false;
      pump();
    }
    return true;
  }
  std::unique_lock lock(mutex_);
  return ended_.wait(lock, stop, [&] { return upload.outcome_ != Outcome::coming; });
}

bool GlUploader::wait_for_place(const std::stop_token& stop) {
  if (!has_thread()) {
    while (is_full()) {
      if (stop.stop_requested()) return false;
      pump();
    }
    return true;
  }
  std::unique_lock lock(mutex_);
  return ended_.wait(lock, stop, [&] { return queue_.size() < kQueueMax; });
}

gstx::Result<BlockTexture> GlUploader::take(Upload& upload) {
  const std::lock_guard lock(mutex_);
  if (upload.outcome_ == Outcome::failed) return gstx::fail(upload.error_);
  return std::move(upload.texture_);
}

void GlUploader::abandon(Upload& upload) {
  {
    const std::lock_guard lock(mutex_);
    upload.abandoned_ = true;
    if (upload.outcome_ != Outcome::coming) trash_.push_back(std::move(upload.texture_));
  }
  wake();
}

void GlUploader::discard(BlockTexture texture) {
  if (!has_thread()) return;  // goes here and now
  {
    const std::lock_guard lock(mutex_);
    trash_.push_back(std::move(texture));
  }
  wake();
}

void GlUploader::wait_until_deleted() {
  if (has_thread()) {
    params_.context->run([this] { empty_trash(); });
  } else {
    empty_trash();
  }
}

void GlUploader::prepare_spare(const TextureKind& kind) {
  {
    const std::lock_guard lock(mutex_);
    if (spare_kind_) return;
    spare_kind_ = kind;
  }
  wake();
}

void GlUploader::keep_spare(BlockTexture texture) {
  const std::lock_guard lock(mutex_);
  g_assert(!spare_kind_);
  spare_kind_ = texture.kind;
  spare_ = std::move(texture);
}

std::optional<BlockTexture> GlUploader::take_spare(const TextureKind& kind) {
  const std::lock_guard lock(mutex_);
  if (!spare_ || spare_->kind != kind) return std::nullopt;
  spare_kind_.reset();
  return std::exchange(spare_, std::nullopt);
}

std::size_t GlUploader::spare_bytes() const {
  const std::lock_guard lock(mutex_);
  return spare_kind_ ? spare_kind_->bytes() : 0;
}

void GlUploader::drop_spare() {
  {
    const std::lock_guard lock(mutex_);
    spare_kind_.reset();
    if (spare_) trash_.push_back(std::move(*spare_));
    spare_.reset();
  }
  wake();
}

void GlUploader::listen(std::function<void()> listener) {
  const std::lock_guard lock(listener_mutex_);
  listener_ = std::move(listener);
  has_listener_ = listener_ != nullptr;
}

// --- what the uploading thread does ---

void GlUploader::wake() {
  if (!has_thread()) return;
  const std::lock_guard lock(mutex_);
  if (pumping_ || closed_) return;
  pumping_ = true;
  params_.context->post([this] { take_turns(); });
}

// A turn a task, so that others' tasks come in between. Posted under the lock that closing takes: the destructor's own task is
// behind the last turn.
void GlUploader::take_turns() {
  if (!pump()) return;
  const std::lock_guard lock(mutex_);
  if (!closed_) params_.context->post([this] { take_turns(); });
}

bool GlUploader::pump() {
  empty_trash();
  const Turn turn = next();
  if (turn.upload == nullptr) {
    if (make_spare()) return true;
    const std::lock_guard lock(mutex_);
    pumping_ = !closed_ && (!queue_.empty() || !trash_.empty() || (spare_kind_ && !spare_));
    return pumping_;
  }
  if (turn.give_up) {
    finish(turn.upload, Outcome::given_up, {});
    return true;
  }
  const auto done = step(*turn.upload);
  if (!done) {
    finish(turn.upload, Outcome::failed, done.error());
  } else if (*done) {
    finish(turn.upload, Outcome::resident, {});
  }
  return true;
}

GlUploader::Turn GlUploader::next() {
  const std::lock_guard lock(mutex_);
  if (closed_ || queue_.empty()) return {};
  Upload& first = *queue_.front();
  const bool spared = first.begun_ && gave_up_last_;
  const bool give_up = first.abandoned_ || (!first.wanted_ && !spared);
  if (give_up && first.begun_ && !first.abandoned_) gave_up_last_ = true;
  first.begun_ = true;
  return {queue_.front(), give_up};
}

gstx::Result<bool> GlUploader::step(Upload& upload) {
  if (lost_) return gstx::fail(*lost_);
  BlockTexture& texture = upload.texture_;
  if (!texture.texture) {
    GSTX_ASSIGN_OR_RETURN(texture, make_block_texture(texture.kind));
    ++textures_made_;
  } else if (texture.settled != nullptr) {
    // On the CPU: nothing that the GPU draws has to wait behind it.
    const GLenum state = texture.settled->wait(kHangNs);
    if (state != GL_ALREADY_SIGNALED && state != GL_CONDITION_SATISFIED)
      return gstx::fail(ErrorCode::internal,
                        "the GPU did not let go of a texture within 20 s or lost its context");
    texture.settled.reset();
  }
  const auto& shape = upload.block_->shape;
  GSTX_ASSIGN_OR_RETURN(const std::int64_t rows,
                        upload_rows(*upload.block_, upload.rows_done_, ring_, texture));
  upload.rows_done_ += rows;
  if (upload.rows_done_ < shape[0] * shape[1]) return false;
  GSTX_TRY(publish(upload));
  return true;
}

// Only what the GPU has is resident: a picture that samples it never waits for the copies of a whole ring.
gstx::Result<void> GlUploader::publish(Upload& upload) {
  BlockTexture& texture = upload.texture_;
  texture.bricks.reset();
  texture.brick_buffer = GlBuffer();
  if (upload.bricks_ != nullptr) GSTX_TRY(upload_bricks(upload.bricks_, texture));
  if (!has_thread()) return {};
  GSTX_TRY(finish_gpu("uploading voxels"));
  texture.settled = std::make_unique<GlFence>();
  glFlush();  // else the other context may wait for what this one has not yet given to the GPU
  return {};
}

void GlUploader::finish(const UploadPtr& upload, Outcome outcome, gstx::Error error) {
  data::VoxelBlockPtr block;  // may be the last to hold it, and is let go of without the lock
  bool tell = false;
  if (outcome == Outcome::failed && is_gpu_lost(error)) lost_ = error;
  {
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
    block = std::move(upload->block_);
    upload->bricks_.reset();
    upload->error_ = std::move(error);
    upload->outcome_ = outcome;
    tell = upload->awaited_ && !upload->abandoned_;
    if (outcome != Outcome::given_up) gave_up_last_ = false;
    const bool is_taken = outcome != Outcome::failed && !upload->abandoned_;
    if (!is_taken) trash_.push_back(std::move(upload->texture_));
  }
  ended_.notify_all();
  if (!tell) return;
  const std::lock_guard lock(listener_mutex_);
  if (listener_) listener_();
}

bool GlUploader::make_spare() {
  std::optional<TextureKind> kind;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !spare_kind_ || spare_) return false;
    kind = spare_kind_;
  }
  auto made = make_block_texture(*kind);
  const std::lock_guard lock(mutex_);
  if (!made) {
    spare_kind_.reset();  // what is short of memory goes without
  } else if (spare_kind_ == kind) {
    spare_ = std::move(*made);
    ++textures_made_;
  } else {
    trash_.push_back(std::move(*made));
    ++textures_made_;
  }
  return true;
}

void GlUploader::empty_trash() {
  std::vector<BlockTexture> dead;
  const std::lock_guard lock(mutex_);
  dead.swap(trash_);
}

}  // namespace napari::engine
