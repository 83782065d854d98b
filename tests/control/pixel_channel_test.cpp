#include <bit>
#include <thread>

#include <fmt/format.h>

#include "control/frame_inbox.hpp"
#include "control/pixel_header.hpp"
#include "control/service_fixture.hpp"

namespace napari::control::testing {
namespace {

using runtime::Tier;

std::uint64_t big_endian(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  }
  return value;
}

bool is_keyframe(const std::string& message) { return (message.at(21) & 1) != 0; }

void expect_contiguous(const std::vector<std::string>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(big_endian(messages[i], 0, 4), i);
  }
}

TEST(PixelHeaderTest, LaysOutTheFieldsBigEndian) {
  data::EncodedFrame frame;
  frame.size = {1920, 1080};
  frame.keyframe = true;
  frame.info = {.frame_id = 5, .scene_version = 9, .render_start_ns = 11, .render_end_ns = 12};
  frame.encoded_ns = 13;
  const PixelStamps stamps{.seq = 0x01020304, .epoch_s = 1.5, .sent_ns = 14};
  const PixelHeader own(frame, stamps, PixelHeader::Extension::own);
  const std::string bytes(own.bytes().begin(), own.bytes().end());
  ASSERT_EQ(bytes.size(), 24U + 48U);
  EXPECT_EQ(big_endian(bytes, 0, 4), 0x01020304U);
  EXPECT_EQ(big_endian(bytes, 4, 8), std::bit_cast<std::uint64_t>(1.5));
  EXPECT_EQ(big_endian(bytes, 12, 4), 1920U);
  EXPECT_EQ(big_endian(bytes, 16, 4), 1080U);
  EXPECT_EQ(big_endian(bytes, 20, 1), 1U);
  EXPECT_EQ(big_endian(bytes, 21, 1), 1U);
  EXPECT_EQ(big_endian(bytes, 22, 2), 48U);
  const std::vector<std::uint64_t> extension = {9, 5, 11, 12, 13, 14};
  for (std::size_t i = 0; i < extension.size(); ++i) {
    EXPECT_EQ(big_endian(bytes, 24 + 8 * i, 8), extension[i]) << i;
  }
  frame.keyframe = false;
  const PixelHeader bare(frame, stamps, PixelHeader::Extension::none);
  const std::string short_bytes(bare.bytes().begin(), bare.bytes().end());
  ASSERT_EQ(short_bytes.size(), 24U);
  EXPECT_EQ(big_endian(short_bytes, 21, 3), 0U);
}

TEST(FrameInboxTest, DropsToTheNextKeyframeWhenMainIsLate) {
  int wakes = 0;
  FrameInbox inbox([&] { ++wakes; });
  const auto push = [&](bool keyframe) {
    auto frame = std::make_shared<data::EncodedFrame>();
    frame->keyframe = keyframe;
    inbox.push(frame);
  };
  for (std::size_t i = 0; i < kInboxFramesMax; ++i) push(i == 0);
  EXPECT_EQ(wakes, 1) << "one wake-up for many";
  push(false);
  push(false);
  push(true);
  push(false);
  const auto taken = inbox.take();
  EXPECT_TRUE(taken.gap);
  ASSERT_EQ(taken.frames.size(), 2U);
  EXPECT_TRUE(taken.frames[0]->keyframe);
  EXPECT_EQ(taken.dropped, kInboxFramesMax + 2);
  push(false);
  EXPECT_EQ(wakes, 2);
  EXPECT_FALSE(inbox.take().gap);
  inbox.close();
  push(true);
  EXPECT_EQ(wakes, 2);
  EXPECT_TRUE(inbox.take().frames.empty());
}

class PixelChannelTest : public ServiceTest {
 protected:
  // A streaming thread that pushes while the main loop runs.
  void push_from_thread(int count) {
    std::thread stream([&] {
      for (int i = 0; i < count; ++i) runtime_.push(Tier::web, false);
    });
    stream.join();
  }
};

TEST_F(PixelChannelTest, BeginsWithAKeyframeAndNumbersContiguously) {
  runtime_.answer_keyframes = false;
  start();
  Client client(pixels_url());
  ASSERT_TRUE(client.connected());
  EXPECT_FALSE(client.has_extensions());
  ASSERT_TRUE(run_until([&] { return runtime_.subscribers() == 1; }));
  runtime_.push(Tier::web, false);  // before the IDR: of no use to it
  runtime_.push(Tier::web, true);
  ASSERT_TRUE(run_until([&] { return !client.binaries().empty(); }));
  for (int i = 0; i < 10; ++i) {
    push_from_thread(2);
    ASSERT_TRUE(
        run_until([&] { return client.binaries().size() == static_cast<std::size_t>(3 + 2 * i); }));
  }
  EXPECT_TRUE(is_keyframe(client.binaries()[0]));
  expect_contiguous(client.binaries());
  double last = 0;
  for (const auto& message : client.binaries()) {
    EXPECT_EQ(message.size(), 24U + 48U + 1000U);
    EXPECT_EQ(big_endian(message, 22, 2), 48U);
    EXPECT_EQ(big_endian(message, 24, 8), 7U) << "scene_version";
    const double epoch_s = std::bit_cast<double>(big_endian(message, 4, 8));
    EXPECT_GE(epoch_s, last);
    EXPECT_NEAR(epoch_s, static_cast<double>(g_get_real_time()) / 1e6, 10);
    last = epoch_s;
    for (std::size_t field = 40; field < 64; field += 8) {
      EXPECT_LE(big_endian(message, field, 8), big_endian(message, field + 8, 8));
    }
  }
  client.send("text is ignored");
  ASSERT_TRUE(run_until([&] { return service_->report().messages_ignored == 1; }));
  EXPECT_FALSE(client.closed());
}

TEST_F(PixelChannelTest, TheNapariPortHasNoExtension) {
  start([](auto& config) { config.pixel_port = -1; });
  Client client(fmt::format("ws://127.0.0.1:{}/", service_->pixel_port()));
  ASSERT_TRUE(client.connected()) << client.connect_error();
  ASSERT_TRUE(run_until([&] { return !client.binaries().empty(); }));
  EXPECT_EQ(client.binaries()[0].size(), 24U + 1000U);
  EXPECT_EQ(big_endian(client.binaries()[0], 22, 2), 0U);
}

TEST_F(PixelChannelTest, AJoinCostsOneKeyframeAndNoSubscription) {
  start();
  Client first(pixels_url());
  ASSERT_TRUE(run_until([&] { return first.binaries().size() == 1; }));
  EXPECT_EQ(runtime_.keyframe_requests[Tier::web], 0) << "a subscription begins with one";
  Client second(pixels_url());
  Client third(pixels_url());
  ASSERT_TRUE(run_until([&] { return !second.binaries().empty() && !third.binaries().empty(); }));
  EXPECT_LE(runtime_.keyframe_requests[Tier::web], 2);
  EXPECT_EQ(runtime_.subscribers(), 1U);
  for (const auto* client : {&second, &third}) {
    EXPECT_TRUE(is_keyframe(client->binaries()[0]));
    EXPECT_EQ(big_endian(client->binaries()[0], 0, 4), 0U);
  }
}

TEST_F(PixelChannelTest, TheLastToLeaveEndsTheSubscription) {
  start();
  {
    Client client(pixels_url());
    ASSERT_TRUE(run_until([&] { return runtime_.subscribers() == 1; }));
  }
  ASSERT_TRUE(run_until([&] { return runtime_.subscribers() == 0; }));
  Client again(pixels_url());
  EXPECT_TRUE(run_until([&] { return again.binaries().size() == 1; }));
}

TEST_F(PixelChannelTest, KeyframeRequestsCoalesce) {
  start();
  auto state = join();
  Client client(pixels_url());
  ASSERT_TRUE(run_until([&] { return client.binaries().size() == 1; }));
  for (int i = 0; i < 30; ++i) (void)state->call("napari.pixel.request_keyframe", "{}");
  ASSERT_TRUE(run_until([&] { return client.binaries().size() >= 2; }));
  EXPECT_LE(runtime_.keyframe_requests[Tier::web], 3);
}

TEST_F(PixelChannelTest, ATierThatCannotBeEncodedClosesItsClientOnly) {
  runtime_.subscribe_error.message = "no encoder opens";
  start();
  auto state = join();
  Client client(pixels_url());
  EXPECT_TRUE(client.wait_closed());
  EXPECT_EQ(client.close_code(), 1011);
  EXPECT_EQ(at(state->intend("view", "main", "ndisplay", "2"), "status"), "\"accepted\"");
}

// A client that does not read: bounded memory, others unaffected, contiguous numbers from an IDR on when it reads again,
// and a close when it never does.
TEST_F(PixelChannelTest, ASlowClientIsResyncedAndAStalledOneClosed) {
  runtime_.frame_bytes = 400'000;
  start();
  Client fast(pixels_url());
  RawSocket slow(service_->port(), 16 * 1024);
  slow.upgrade("/ws/pixels?token=secret");
  ASSERT_TRUE(slow.wait_for("\r\n\r\n"));
  ASSERT_TRUE(run_until([&] { return service_->report().pixel_clients_now == 2; }));
  ASSERT_TRUE(run_until([&] { return !fast.binaries().empty(); }));

  const std::size_t before = fast.binaries().size();
  for (std::size_t i = 1; i <= 60; ++i) {
    runtime_.push(Tier::web, false);
    ASSERT_TRUE(run_until([&] { return fast.binaries().size() >= before + i; }));
  }
  expect_contiguous(fast.binaries());
  const auto stuck = service_->report();
  EXPECT_GE(stuck.frames_dropped, 50U);
  // What was handed to the slow one: at most the bound, and what the kernel took.
  EXPECT_LE(stuck.frames_sent - fast.binaries().size(), data::kClientFramesMax + 12U);

  // It reads again: drained, then an IDR is asked for and comes.
  ASSERT_TRUE(run_until([&] {
    while (slow.read() > 0) {
    }
    return service_->report().clients_resynced == 1;
  }));
  EXPECT_GE(runtime_.keyframe_requests[Tier::web], 1);

  // It stops for good.
  const auto closed_before = service_->report().clients_closed_slow;
  std::size_t sent = fast.binaries().size();
  ASSERT_TRUE(run_until(
      [&] {
        if (fast.binaries().size() >= sent) {
          runtime_.push(Tier::web, false);
          sent = fast.binaries().size() + 1;
        }
        return service_->report().clients_closed_slow == closed_before + 1;
      },
      20));
  EXPECT_TRUE(run_until([&] { return service_->report().pixel_clients_now == 1; }));
  EXPECT_FALSE(fast.closed());
  expect_contiguous(fast.binaries());
}

TEST_F(PixelChannelTest, AStateClientThatStopsReadingIsClosed) {
  start();
  load();
  RawSocket deaf(service_->port(), 16 * 1024);
  deaf.upgrade("/ws/state?token=secret");
  ASSERT_TRUE(deaf.wait_for("\r\n\r\n"));
  auto lively = join();
  const std::string hello = hello_text();
  std::string frame("\x81\xfe", 2);  // masked with zeros
  frame += static_cast<char>(hello.size() >> 8);
  frame += static_cast<char>(hello.size() & 0xff);
  frame += std::string(4, '\0') + hello;
  deaf.write(frame);
  ASSERT_TRUE(run_until([&] { return service_->report().sessions == 2; }));
  // Thumbnails are the largest notify; each is another picture.
  std::uint8_t shade = 0;
  ASSERT_TRUE(run_until(
      [&] {
        events_.on_thumbnail(std::vector<std::uint8_t>(32 * 32 * 4, ++shade));
        return service_->report().clients_closed_slow == 1;
      },
      30));
  EXPECT_TRUE(run_until([&] { return service_->report().state_clients_now == 1; }));
  EXPECT_EQ(at(lively->intend("dims", "z", "index", "4"), "status"), "\"accepted\"");
}

}  // namespace
}  // namespace napari::control::testing
