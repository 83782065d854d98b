// The texture pool: what is uploaded is what a texture then holds, in every dtype and with either way to map; its budget, a device
// that is short of memory, and uploads that are stopped.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include <epoxy/gl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/gl/gl_context.hpp"
#include "engine/gl/gl_drawer.hpp"
#include "engine/gl/texel_format.hpp"
#include "engine/gl/texture_pool.hpp"
#include "engine/gl/upload_ring.hpp"
#include "engine/gl_fixture.hpp"

namespace napari::engine::gl_test {
namespace {

using data::DType;
using testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// On the thread that draws, and on one of its own.
class GlUploadTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto opened = GlContext::open(0);
    if (!opened) GTEST_SKIP() << "no EGL device to draw with: " << opened.error().message;
    context_ = *std::move(opened);
    if (!GetParam()) return;
    auto shared = GlContext::open_shared(*context_, "gl-upload");
    ASSERT_TRUE(shared) << shared.error().message;
    uploads_ = *std::move(shared);
  }
  TexturePool::Params params(std::size_t budget_bytes) const {
    return {.limits = context_->limits(),
            .software = context_->info().software,
            .budget_bytes = budget_bytes,
            .free_bytes = {},
            .upload_context = uploads_};
  }
  std::shared_ptr<GlContext> context_;
  std::shared_ptr<GlContext> uploads_;
};

std::vector<std::byte> texels(GLenum target, GLuint texture, const data::VoxelBlock& block) {
  const TexelFormat format = texel_format(block.dtype);
  std::vector<std::byte> read(
      static_cast<std::size_t>(block.shape[0] * block.shape[1] * block.shape[2]) *
      texel_bytes(block.dtype));
  glBindTexture(target, texture);
  glPixelStorei(GL_PACK_ALIGNMENT, 1);
  glGetTexImage(target, 0, format.format, format.type, read.data());
  return read;
}

std::vector<std::byte> expected_texels(const data::VoxelBlock& block) {
  const auto count = static_cast<std::size_t>(block.shape[0] * block.shape[1] * block.shape[2]);
  std::vector<std::byte> expected(count * texel_bytes(block.dtype));
  if (block.dtype != DType::f64) {
    std::memcpy(expected.data(), block.voxels.get(), expected.size());
    return expected;
  }
  for (std::size_t i = 0; i < count; ++i) {
    double value = 0;
    std::memcpy(&value, block.voxels.get() + i * sizeof(value), sizeof(value));
    const auto narrow = static_cast<float>(value);
    std::memcpy(expected.data() + i * sizeof(narrow), &narrow, sizeof(narrow));
  }
  return expected;
}

TEST_P(GlUploadTest, EveryVoxelArrives) {
  // Odd widths, several slots, and more slots than the ring has.
  for (const bool persistent : {true, false}) {
    for (const DType dtype : {DType::u8, DType::u16, DType::u32, DType::i8, DType::i16, DType::i32,
                              DType::f32, DType::f64}) {
      const ValueRange range = value_range(dtype);
      const auto value = [&](auto z, auto y, auto x) {
        return range.low +
               (range.high - range.low) * static_cast<double>((z * 31 + y * 7 + x) % 251) / 251;
      };
      const auto volume = make_block(dtype, {23, 217, 1033}, value);
      const auto plane = make_block(dtype, {1, 1203, 4099}, value);
      context_->run([&] {
        TexturePool::Params made = params(256 * kMiB);
        made.limits.persistent_mapping = made.limits.persistent_mapping && persistent;
        TexturePool pool(std::move(made));
        const auto texture = pool.volume(volume, {});
        ASSERT_TRUE(texture) << texture.error().message;
        EXPECT_EQ(texels(GL_TEXTURE_3D, *texture, *volume), expected_texels(*volume))
            << data::to_string(dtype);
        const auto flat = pool.plane(plane, {});
        ASSERT_TRUE(flat) << flat.error().message;
        EXPECT_EQ(texels(GL_TEXTURE_2D, *flat, *plane), expected_texels(*plane))
            << data::to_string(dtype);
        EXPECT_TRUE(context_->check("testing"));
      });
    }
  }
}

TEST_P(GlUploadTest, ThreadsFillASlotTogetherAndTheRingGoesRound) {
  constexpr GLsizei kEdge = 1900;  // 7 MB: most of a slot
  constexpr int kPasses = 20;      // a ring holds 8
  const auto block = make_block(DType::u16, {1, kEdge, kEdge}, [](auto, auto y, auto x) {
    return static_cast<double>((y * 257 + x * 3) % 65521);
  });
  const std::size_t bytes = std::size_t{kEdge} * kEdge * 2;
  context_->run([&] {
    UploadRing ring(context_->limits(), false, 3);
    ASSERT_LE(bytes, ring.slot_bytes());
    std::vector<GlTexture> textures;
    std::vector<std::byte> expected(block->voxels.get(), block->voxels.get() + bytes);
    for (int pass = 0; pass < kPasses; ++pass) {
      std::vector<std::byte> voxels = expected;
      voxels[static_cast<std::size_t>(pass)] ^= std::byte{0xff};  // no two passes are alike
      textures.push_back(GlTexture::make());
      const auto passed = ring.pass(DType::u16, voxels, [&](const void* offset) {
        glBindTexture(GL_TEXTURE_2D, textures.back().get());
        glTexStorage2D(GL_TEXTURE_2D, 1, GL_R16UI, kEdge, kEdge);
        glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
        glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, kEdge, kEdge, GL_RED_INTEGER, GL_UNSIGNED_SHORT,
                        offset);
      });
      ASSERT_TRUE(passed) << passed.error().message;
      std::ranges::fill(voxels, std::byte{0});  // they are the caller's again
    }
    for (std::size_t pass = 0; pass < textures.size(); ++pass) {
      expected[pass] ^= std::byte{0xff};
      EXPECT_TRUE(texels(GL_TEXTURE_2D, textures[pass].get(), *block) == expected)
          << "pass " << pass;
      expected[pass] ^= std::byte{0xff};
    }
    EXPECT_TRUE(context_->check("testing"));
  });
}

TEST(CopyThreads, AreAFewOfTheCores) {
  EXPECT_EQ(copy_threads(1), 1);
  EXPECT_EQ(copy_threads(2), 1);
  EXPECT_EQ(copy_threads(8), 2);
  EXPECT_EQ(copy_threads(16), 4);
  EXPECT_EQ(copy_threads(128), 4);
}

TEST_P(GlUploadTest, StoppedUploadGoesOnWhereItWas) {
  // Several slots; what a stopped upload left must not be taken for the whole.
  const auto block = make_block(DType::u8, {20, 1024, 1024}, [](auto z, auto y, auto x) {
    return static_cast<double>((z * 31 + y + x * 3) % 251);
  });
  std::stop_source stop;
  stop.request_stop();
  context_->run([&] {
    TexturePool pool(params(64 * kMiB));
    const auto stopped = pool.volume(block, stop.get_token());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, gstx::ErrorCode::unavailable);
    EXPECT_EQ(pool.stats().uploads, 0U);
    const auto texture = pool.volume(block, {});
    ASSERT_TRUE(texture);
    EXPECT_EQ(pool.stats().uploads, 1U);
    EXPECT_EQ(texels(GL_TEXTURE_3D, *texture, *block), expected_texels(*block));
  });
}

TEST_P(GlUploadTest, PoolKeepsToItsBudget) {
  constexpr std::size_t kBytes = 64 * 64 * 64;
  std::vector<data::VoxelBlockPtr> blocks;
  for (int i = 0; i < 5; ++i) {
    blocks.push_back(make_block(DType::u8, {64, 64, 64}, [](auto...) { return 3.0; }));
  }
  const auto big = make_block(DType::u16, {64, 64, 128}, [](auto...) { return 3.0; });
  context_->run([&] {
    TexturePool pool(params(3 * kBytes));
    for (const auto& block : blocks) {
      ASSERT_TRUE(pool.volume(block, {}));
      ASSERT_LE(pool.stats().bytes, 3 * kBytes);
    }
    EXPECT_EQ(pool.stats().evictions, 2U);
    ASSERT_TRUE(pool.volume(blocks[2], {}));  // still there; now the most recent
    EXPECT_EQ(pool.stats().uploads, 5U);
    ASSERT_TRUE(pool.volume(blocks[0], {}));  // replaces blocks[3]
    ASSERT_TRUE(pool.volume(blocks[2], {}));
    ASSERT_TRUE(pool.volume(blocks[4], {}));
    EXPECT_EQ(pool.stats().uploads, 6U);
    const auto refused = pool.volume(big, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("1048576 bytes exceeds the texture budget"));
    pool.clear();
    EXPECT_EQ(pool.stats().bytes, 0U);
    EXPECT_TRUE(context_->check("testing"));
  });
}

TEST_P(GlUploadTest, PoolLeavesOthersTheirMemory) {
  const auto block = [](std::int64_t planes) {
    return make_block(DType::u8, {planes, 256, 256}, [](auto...) { return 3.0; });
  };
  const auto first = block(64);  // 4 MiB
  const auto second = block(64);
  const auto large = block(160);  // 10 MiB
  std::size_t free = 256 * kMiB + 5 * kMiB;
  context_->run([&] {
    TexturePool::Params made = params(64 * kMiB);
    made.free_bytes = [&] { return std::optional(free); };
    TexturePool pool(std::move(made));
    ASSERT_TRUE(pool.volume(first, {}));
    free -= 4 * kMiB;
    ASSERT_TRUE(pool.volume(second, {}));  // 1 MiB may be taken: the first has to go
    EXPECT_EQ(pool.stats().textures, 1U);
    EXPECT_EQ(pool.stats().evictions, 1U);
    const auto refused = pool.volume(large, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, gstx::ErrorCode::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("10485760 bytes"));
    EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(free) + " bytes are free"));
    free = 512 * kMiB;
    EXPECT_TRUE(pool.volume(large, {})) << "another program has given memory back";
  });
}

TEST_P(GlUploadTest, OutOfMemoryDropsTheOthersAndSaysHowMuchWasAsked) {
  if (!context_->info().software) GTEST_SKIP() << "this driver takes memory when it is written to";
  const auto small = make_block(DType::u8, {8, 8, 8}, [](auto...) { return 3.0; });
  auto huge = std::make_shared<data::VoxelBlock>(*small);
  huge->id = data::next_block_id();
  const std::int64_t edge = context_->limits().volume_edge_voxels;
  huge->shape = {edge, edge, edge};  // never uploaded: there is no such texture
  context_->run([&] {
    TexturePool pool(params(std::size_t{1} << 60));
    ASSERT_TRUE(pool.volume(small, {}));
    const auto refused = pool.volume(huge, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, gstx::ErrorCode::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("{} bytes", edge * edge * edge)));
    EXPECT_EQ(pool.stats().textures, 0U) << "the others were not dropped before the second try";
    EXPECT_EQ(pool.stats().bytes, 0U);
    const auto again = pool.volume(small, {});
    EXPECT_TRUE(again);
    EXPECT_TRUE(context_->check("testing"));
  });
}

TEST_P(GlUploadTest, BudgetIsAsAskedOrAShareOfTheDevice) {
  EXPECT_EQ(texture_budget(*context_, {.vram_budget_bytes = 12345}), 12345U);
  const std::size_t half = texture_budget(*context_, {});
  const std::size_t tenth = texture_budget(*context_, {.vram_budget_percent = 10});
  EXPECT_NEAR(static_cast<double>(half), 5 * static_cast<double>(tenth), 8);
  std::size_t memory = context_->limits().memory_bytes;
  if (memory == 0) memory = (context_->info().software ? 2048 : 4096) * kMiB;
  EXPECT_NEAR(static_cast<double>(half), 0.5 * static_cast<double>(memory), 2);
  context_->run([&] {
    const auto free = context_->free_memory_bytes();
    EXPECT_EQ(free.has_value(), context_->limits().memory_bytes != 0);
    EXPECT_LE(free.value_or(0), context_->limits().memory_bytes);
  });
}

data::VoxelBlockPtr large_block(int value) {
  return make_block(DType::u8, {24, 1024, 1024}, [=](auto z, auto y, auto x) {
    return static_cast<double>((z * 31 + y + x * 3 + value) % 251);
  });
}

constexpr std::chrono::seconds kDeadline(20);

// What the uploading thread does after it has told that an upload ended.
bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return holds();
}

TEST_P(GlUploadTest, TextureGoesToTheNextBlockOfItsKind) {
  constexpr std::size_t kBytes = 64 * 64 * 64 * 2;
  context_->run([&] {
    TexturePool pool(params(3 * kBytes));
    for (int i = 0; i < 9; ++i) {
      const auto block = make_block(DType::u16, {64, 64, 64}, [=](auto z, auto y, auto x) {
        return static_cast<double>((z * 31 + y * 7 + x + i) % 60000);
      });
      const auto texture = pool.volume(block, {});
      ASSERT_TRUE(texture) << texture.error().message;
      EXPECT_EQ(texels(GL_TEXTURE_3D, *texture, *block), expected_texels(*block)) << i;
    }
    EXPECT_EQ(pool.uploader().textures_made(), 3U);
    EXPECT_EQ(pool.stats().recycled, 6U);
    EXPECT_EQ(pool.stats().bytes, 3 * kBytes);
    const auto other = make_block(DType::i16, {64, 64, 64}, [](auto...) { return 3.0; });
    ASSERT_TRUE(pool.volume(other, {}));
    EXPECT_EQ(pool.uploader().textures_made(), 4U) << "a texture of another kind";
    EXPECT_TRUE(context_->check("testing"));
  });
}

TEST_P(GlUploadTest, WhoGoesThroughVolumesOfOneKindHasATextureMadeAhead) {
  if (uploads_ == nullptr) return;  // nothing is made ahead where it would hold pictures up
  context_->run([&] {
    TexturePool pool(params(256 * kMiB));
    ASSERT_TRUE(pool.volume(large_block(0), {}));
    EXPECT_EQ(pool.uploader().spare_bytes(), 0U) << "one volume is no series";
    ASSERT_TRUE(pool.volume(large_block(1), {}));
    EXPECT_TRUE(eventually([&] { return pool.uploader().textures_made() == 3; }));
    const auto third = large_block(2);
    const auto texture = pool.volume(third, {});
    ASSERT_TRUE(texture);
    EXPECT_EQ(pool.stats().recycled, 1U);
    EXPECT_EQ(texels(GL_TEXTURE_3D, *texture, *third), expected_texels(*third));
    EXPECT_TRUE(eventually([&] { return pool.uploader().textures_made() == 4; }));
    pool.clear();
    EXPECT_EQ(pool.uploader().spare_bytes(), 0U);
  });
}

TEST_P(GlUploadTest, BlockIsKeptWhileItIsUploadedAndNoLonger) {
  const auto block = large_block(0);
  context_->run([&] {
    TexturePool pool(params(256 * kMiB));
    ASSERT_TRUE(pool.volume(block, {}));
    EXPECT_TRUE(eventually([&] { return block.use_count() == 1; }));
    const auto unwanted = large_block(1);
    const std::vector<PoolBlock> first = {{unwanted, true, nullptr}};
    pool.want(first, PictureFor::viewers);
    EXPECT_EQ(pool.start(first).size(), 1U);
    pool.want({{block, true, nullptr}}, PictureFor::viewers);
    const auto last = large_block(2);
    ASSERT_TRUE(pool.volume(last, {})) << "queued behind what is given up";
    EXPECT_EQ(unwanted.use_count(), 2);  // `first` has it
    EXPECT_TRUE(eventually([&] { return last.use_count() == 1; }));
    EXPECT_EQ(pool.stats().uploads, 2U) << "what nobody wanted was uploaded";
  });
}

TEST_P(GlUploadTest, ViewThatChangesFasterThanItsVolumesComeGetsSome) {
  if (uploads_ == nullptr) return;  // such a view waits
  std::vector<data::VoxelBlockPtr> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(large_block(i));
  context_->run([&] {
    TexturePool pool(params(std::size_t{1} << 40));
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    for (std::size_t i = 0; pool.stats().uploads < 3; ++i) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "every upload was given up";
      auto renamed = std::make_shared<data::VoxelBlock>(*blocks[i % blocks.size()]);
      renamed->id = data::next_block_id();
      const std::vector<PoolBlock> wanted = {{renamed, true, nullptr}};
      pool.want(wanted, PictureFor::viewers);
      static_cast<void>(pool.start(wanted));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the view's pace
    }
  });
}

TEST_P(GlUploadTest, ManyMoreBlocksThanTheQueueHoldsAllArrive) {
  constexpr std::size_t kBytes = 256 * 256;
  std::vector<PoolBlock> wanted;
  for (int i = 0; i < 50; ++i) {
    const auto block = make_block(DType::u8, {1, 256, 256}, [=](auto, auto y, auto x) {
      return static_cast<double>((y * 7 + x + i) % 251);
    });
    wanted.push_back({block, false, nullptr});
  }
  for (const std::size_t budget : {100 * kBytes, 5 * kBytes}) {
    context_->run([&] {
      TexturePool pool(params(budget));
      pool.want(wanted, PictureFor::viewers);
      EXPECT_LE(pool.start(wanted).size(), GlUploader::kQueueMax);
      for (const PoolBlock& each : wanted) {
        const auto texture = pool.plane(each.block, {});
        ASSERT_TRUE(texture) << texture.error().message;
        ASSERT_EQ(texels(GL_TEXTURE_2D, *texture, *each.block), expected_texels(*each.block));
        ASSERT_LE(pool.stats().bytes, budget);
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(All, GlUploadTest, testing::Bool(), [](const auto& which) {
  return which.param ? std::string("OwnThread") : std::string("DrawingThread");
});

}  // namespace
}  // namespace napari::engine::gl_test
