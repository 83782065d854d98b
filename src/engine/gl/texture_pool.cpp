#include "engine/gl/texture_pool.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/gl/gl_fence.hpp"

namespace napari::engine {
namespace {

using data::VoxelBlock;
using data::VoxelBlockPtr;
using gstx::ErrorCode;
using Outcome = Upload::Outcome;

constexpr std::size_t kMiB = std::size_t{1} << 20;
// Left to frames, to the driver and to what others start meanwhile.
constexpr std::size_t kMarginBytes = 256 * kMiB;
constexpr std::chrono::milliseconds kAskAgain{250};
// Below, a driver gives memory within a picture's time.
constexpr std::size_t kSpareBytesMin = 16 * kMiB;
constexpr int kTriesMax = 3;  // to have a block that was given up or did not fit

std::string free_text(const std::optional<std::size_t>& bytes) {
  return bytes ? fmt::format("{} bytes are free", *bytes)
               : std::string("the device does not say how much is free");
}

}  // namespace

std::size_t texture_budget(const GlContext& context, const GlDrawerOptions& options) {
  if (options.vram_budget_bytes > 0) return static_cast<std::size_t>(options.vram_budget_bytes);
  std::size_t memory = context.limits().memory_bytes;
  if (memory == 0) memory = (context.info().software ? 2048 : 4096) * kMiB;
  const double share = std::clamp(options.vram_budget_percent, 1.0, 90.0) / 100;
  return static_cast<std::size_t>(share * static_cast<double>(memory));
}

TexturePool::TexturePool(Params params)
    : params_(std::move(params)),
      uploader_({.limits = params_.limits,
                 .software = params_.software,
                 .context = params_.upload_context}) {}

TexturePool::~TexturePool() { clear(); }

// --- what pictures ask for ---

void TexturePool::want(const std::vector<PoolBlock>& blocks, PictureFor whom) {
  ++picture_;
  settle_ended();
  std::vector<std::uint64_t> ids;
  ids.reserve(blocks.size());
  for (const PoolBlock& wanted : blocks) {
    ids.push_back(wanted.block->id);
    if (Entry* const entry = find(wanted.block->id, wanted.is_volume)) entry->picture = picture_;
  }
  drop_orphans();
  uploader_.want(ids, whom);
}

// A block that nobody holds will not be drawn again: another one has another id.
void TexturePool::drop_orphans() {
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto entry = next++;
    if (entry->upload != nullptr || entry->picture == picture_ || !entry->block.expired()) continue;
    if (may_have_spare(entry->kind)) uploader_.keep_spare(std::exchange(entry->texture, {}));
    erase(entry);
  }
}

std::vector<UploadPtr> TexturePool::start(std::span<const PoolBlock> blocks) {
  std::vector<UploadPtr> coming;
  for (const PoolBlock& wanted : blocks) {
    const auto entry = find_or_start(wanted, Need::at_leisure, {});
    if (!entry || *entry == nullptr) break;  // whoever draws it finds out why
    if ((*entry)->upload != nullptr && uploader_.outcome(*(*entry)->upload) == Outcome::coming)
      coming.push_back((*entry)->upload);
  }
  return coming;
}

bool TexturePool::is_coming(const VoxelBlock& block, bool is_volume) {
  const Entry* const entry = find(block.id, is_volume);
  return entry != nullptr && entry->upload != nullptr && uploader_.tell_of(*entry->upload);
}

bool TexturePool::is_resident(std::uint64_t block_id) const {
  const auto found = index_.find(block_id);
  if (found == index_.end()) return false;
  const UploadPtr& upload = found->second->upload;
  return upload == nullptr || uploader_.outcome(*upload) == Outcome::resident;
}

gstx::Result<GLuint> TexturePool::plane(const VoxelBlockPtr& block, const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(const Entry* const entry, ready({block, false, nullptr}, stop));
  return entry->texture.texture.get();
}

gstx::Result<GLuint> TexturePool::volume(const VoxelBlockPtr& block, const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(const Entry* const entry, ready({block, true, nullptr}, stop));
  return entry->texture.texture.get();
}

gstx::Result<GLuint> TexturePool::filtered_volume(const VoxelBlockPtr& block,
                                                  const std::stop_token& stop) {
  GSTX_ASSIGN_OR_RETURN(const Entry* const entry, ready({block, true, nullptr}, stop));
  return entry->texture.filtered.get();
}

gstx::Result<GLuint> TexturePool::bricks(const VoxelBlock& block,
                                         const std::shared_ptr<const data::BrickMaxima>& bricks) {
  const auto found = index_.find(block.id);
  if (found == index_.end() || found->second->upload != nullptr) {
    return gstx::fail(ErrorCode::failed_precondition,
                      fmt::format("block {} has no texture yet", block.id));
  }
  Entry& entry = *found->second;
  if (entry.texture.bricks == bricks) return entry.texture.brick_buffer.get();
  GSTX_TRY(check_bricks(block, *bricks, params_.limits));
  const std::size_t bytes = brick_bytes(*bricks);
  let_go(make_room(bytes, room_bytes(entry.bytes + bytes), block.id, nullptr));
  GSTX_TRY(upload_bricks(bricks, entry.texture));
  entry.bytes += bytes - entry.brick_bytes;
  stats_.bytes += bytes - entry.brick_bytes;
  entry.brick_bytes = bytes;
  return entry.texture.brick_buffer.get();
}

// --- from a block to a texture ---

gstx::Result<TexturePool::Entry*> TexturePool::ready(const PoolBlock& wanted,
                                                     const std::stop_token& stop) {
  gstx::Error error{ErrorCode::unavailable, "the upload was given up"};
  for (int tries = 0; tries < kTriesMax; ++tries) {
    GSTX_ASSIGN_OR_RETURN(Entry* const entry, find_or_start(wanted, Need::now, stop));
    if (entry->upload == nullptr) return entry;
    if (!uploader_.wait(*entry->upload, stop))
      return gstx::fail(ErrorCode::unavailable, "drawing was stopped while uploading");
    const auto outcome = settle(*entry);
    if (outcome && *outcome == Outcome::resident) return entry;
    if (outcome) continue;
    error = {outcome.error().code,
             fmt::format("{}, {}", outcome.error().message, free_text(free_bytes()))};
    if (error.code != ErrorCode::unavailable) break;
    // GL keeps a deleted texture until the dispatches that read it are done.
    let_go(make_room(0, 0, wanted.block->id, nullptr));
    GSTX_TRY(finish_gpu("freeing textures"));
    uploader_.wait_until_deleted();
  }
  return gstx::fail(error);
}

TexturePool::Entry* TexturePool::find(std::uint64_t block_id, bool is_volume) {
  const auto found = index_.find(block_id);
  if (found == index_.end()) return nullptr;
  if (found->second->kind.is_volume == is_volume) return &*found->second;
  erase(found->second);  // a one-plane block that was drawn the other way
  return nullptr;
}

gstx::Result<TexturePool::Entry*> TexturePool::find_or_start(const PoolBlock& wanted, Need need,
                                                             const std::stop_token& stop) {
  const VoxelBlock& block = *wanted.block;
  Entry* const known = find(block.id, wanted.is_volume);
  if (known != nullptr) {
    entries_.splice(entries_.begin(), entries_, index_[block.id]);
    known->picture = picture_;
    if (known->upload == nullptr) return known;
    const Outcome so_far = uploader_.outcome(*known->upload);
    // What failed is told, or tried again, to whoever cannot do without.
    const bool left_failed = so_far == Outcome::failed && need == Need::at_leisure;
    if (so_far == Outcome::coming || left_failed) return known;
    const auto outcome = settle(*known);
    if (outcome && *outcome == Outcome::resident) return known;
    if (!outcome && outcome.error().code != ErrorCode::unavailable)
      return gstx::fail(outcome.error());
  }
  GSTX_TRY(check_block(block, wanted.is_volume, params_.limits));
  const TextureKind kind = texture_kind(block, wanted.is_volume);
  if (kind.bytes() > params_.budget_bytes) {
    return gstx::fail(ErrorCode::unsupported,
                      fmt::format("a texture of {} bytes exceeds the texture budget of {} bytes",
                                  kind.bytes(), params_.budget_bytes));
  }
  GSTX_ASSIGN_OR_RETURN(const std::size_t room, room_for(kind.bytes()));
  if (need == Need::at_leisure && (uploader_.is_full() || !can_make_room(kind.bytes(), room)))
    return nullptr;
  if (!uploader_.wait_for_place(stop))
    return gstx::fail(ErrorCode::unavailable, "drawing was stopped while uploading");
  const bool with_bricks =
      wanted.bricks != nullptr && check_bricks(block, *wanted.bricks, params_.limits).has_value();
  Entry entry{.id = block.id, .block = wanted.block, .kind = kind, .picture = picture_};
  entry.brick_bytes = with_bricks ? brick_bytes(*wanted.bricks) : 0;
  entry.bytes = kind.bytes() + entry.brick_bytes;
  BlockTexture into = make_room(kind.bytes(), room, block.id, &kind);
  if (into.texture) ++stats_.recycled;
  entry.upload = uploader_.start(wanted.block, std::move(into), wanted.is_volume,
                                 with_bricks ? wanted.bricks : nullptr);
  stats_.bytes += entry.bytes;
  coming_bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  index_[block.id] = entries_.begin();
  stats_.textures = entries_.size();
  return &entries_.front();
}

// Takes what an upload that has ended has left; an entry that has no texture then is erased.
gstx::Result<Outcome> TexturePool::settle(Entry& entry) {
  const Outcome outcome = uploader_.outcome(*entry.upload);
  auto taken = uploader_.take(*entry.upload);
  if (!taken || outcome != Outcome::resident) {
    entry.upload.reset();
    coming_bytes_ -= entry.bytes;
    if (taken) {
      entry.texture = std::move(*taken);
      if (entry.texture.texture && may_have_spare(entry.kind))
        uploader_.keep_spare(std::exchange(entry.texture, {}));
    }
    erase(index_[entry.id]);
    if (!taken) return gstx::fail(taken.error());
    return outcome;
  }
  entry.texture = std::move(*taken);
  entry.upload.reset();
  coming_bytes_ -= entry.bytes;
  ++stats_.uploads;
  if (entry.texture.settled != nullptr) entry.texture.settled->let_gpu_wait();
  entry.texture.settled.reset();
  prepare_spare(entry.kind);
  return outcome;
}

// Those that pictures have left behind.
void TexturePool::settle_ended() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    Entry& seen = *entry++;
    if (seen.upload == nullptr) continue;
    const Outcome outcome = uploader_.outcome(*seen.upload);
    if (outcome == Outcome::resident || outcome == Outcome::given_up)
      static_cast<void>(settle(seen));  // neither is an error
  }
}

bool TexturePool::may_have_spare(const TextureKind& kind) const {
  return uploader_.has_thread() && kind.is_volume && kind.bytes() >= kSpareBytesMin &&
         uploader_.spare_bytes() == 0;
}

// Who goes through volumes of one kind will want another: its memory is taken while nothing is uploaded.
void TexturePool::prepare_spare(const TextureKind& kind) {
  if (!may_have_spare(kind) || std::ranges::count(entries_, kind, &Entry::kind) < 2) return;
  if (stats_.bytes + kind.bytes() <= room_bytes(0)) uploader_.prepare_spare(kind);
}

// --- what fits ---

std::optional<std::size_t> TexturePool::free_bytes() const {
  return params_.free_bytes ? params_.free_bytes() : std::nullopt;
}

std::size_t TexturePool::room_bytes(std::size_t wanted) {
  // Drivers take their time to answer, and a plane may bring many small textures.
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ > kAskAgain || (reachable_bytes_ && *reachable_bytes_ < wanted)) {
    const auto free = free_bytes();
    asked_ = now;
    reachable_bytes_.reset();
    if (free)
      reachable_bytes_ = stats_.bytes - coming_bytes_ + uploader_.spare_bytes() +
                         (*free - std::min(*free, kMarginBytes));
  }
  return std::min(params_.budget_bytes, reachable_bytes_.value_or(params_.budget_bytes));
}

gstx::Result<std::size_t> TexturePool::room_for(std::size_t bytes) {
  std::size_t room = room_bytes(bytes);
  if (bytes > room) {
    // What was deleted lately may not have been counted.
    uploader_.drop_spare();
    GSTX_TRY(finish_gpu("freeing textures"));
    uploader_.wait_until_deleted();
    room = room_bytes(bytes);
  }
  if (bytes <= room) return room;
  return gstx::fail(ErrorCode::unavailable,
                    fmt::format("a texture of {} bytes does not fit: {}, and {} are textures "
                                "that can be dropped",
                                bytes, free_text(free_bytes()), stats_.bytes));
}

bool TexturePool::can_make_room(std::size_t bytes, std::size_t room) const {
  std::size_t kept = 0;
  for (const Entry& entry : entries_) {
    if (entry.picture == picture_) kept += entry.bytes;
  }
  return kept + bytes <= room;
}

BlockTexture TexturePool::make_room(std::size_t bytes, std::size_t room, std::uint64_t keep_id,
                                    const TextureKind* kind) {
  BlockTexture alike;
  if (kind != nullptr) {
    if (auto spare = uploader_.take_spare(*kind)) alike = std::move(*spare);
  }
  const auto too_much = [&] { return stats_.bytes + bytes + uploader_.spare_bytes() > room; };
  if (too_much()) uploader_.drop_spare();
  for (auto last = entries_.end(); too_much() && last != entries_.begin();) {
    --last;
    if (last->id == keep_id) continue;
    if (kind != nullptr && last->kind == *kind && last->upload == nullptr && !alike.texture) {
      alike = std::move(last->texture);
      if (uploader_.has_thread()) {
        alike.settled = std::make_unique<GlFence>();
        glFlush();  // the uploader waits for it
      }
    }
    erase(last);
    ++stats_.evictions;
    last = entries_.end();
  }
  return alike;
}

void TexturePool::let_go(BlockTexture texture) {
  if (!texture.texture) return;
  // What is bound in this context would outlive being deleted in the other.
  glActiveTexture(GL_TEXTURE0);
  glBindTexture(GL_TEXTURE_2D, 0);
  glBindTexture(GL_TEXTURE_3D, 0);
  uploader_.discard(std::move(texture));
}

void TexturePool::erase(Entries::iterator entry) {
  stats_.bytes -= entry->bytes;
  if (entry->upload != nullptr) {
    coming_bytes_ -= entry->bytes;
    uploader_.abandon(*entry->upload);
  }
  let_go(std::move(entry->texture));
  index_.erase(entry->id);
  entries_.erase(entry);
  stats_.textures = entries_.size();
}

void TexturePool::clear() {
  while (!entries_.empty()) erase(entries_.begin());
  uploader_.drop_spare();
}

}  // namespace napari::engine
