#include <fmt/format.h>

#include "control/service_fixture.hpp"

namespace napari::control::testing {
namespace {

using runtime::Tier;

class StateChannelTest : public ServiceTest {};

TEST_F(StateChannelTest, WelcomesAndSendsTheBaselineInOrder) {
  start();
  load();
  data::StreamConfig config;
  config.avcc_record = {1, 0x42, 0xc0, 0x1f, 0xff};
  config.size = {640, 480};
  events_.on_config(Tier::web, config);
  Client client(state_url());
  ASSERT_TRUE(client.connected());
  EXPECT_FALSE(client.has_extensions()) << "permessage-deflate is declined";
  client.send(hello_text());
  ASSERT_TRUE(client.next("notify.stream"));
  ASSERT_EQ(client.texts().size(), 5U);
  const std::vector<std::string> types = {"session.welcome", "notify.scene", "notify.dims",
                                          "notify.layers", "notify.stream"};
  for (std::size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(at(client.texts()[i], "type"), "\"" + types[i] + "\"");
    EXPECT_EQ(at(client.texts()[i], "version"), "2");
    EXPECT_NE(at(client.texts()[i], "timestamp"), "");
    EXPECT_EQ(at(client.texts()[i], "session"), at(client.texts()[0], "payload.session.id"));
  }
  EXPECT_EQ(at(client.texts()[1], "seq"), "0");
  EXPECT_NE(at(client.texts()[1], "delta_token"), "");
  EXPECT_EQ(at(client.texts()[2], "seq"), "");
  EXPECT_NE(at(client.texts()[2], "frame_id"), "");
  EXPECT_NE(at(client.texts()[3], "delta_token"), "");
  EXPECT_EQ(at(client.texts()[4], "payload.avcc"), "\"AULAH/8=\"");
  const std::string welcome = at(client.texts()[0], "payload");
  EXPECT_EQ(at(welcome, "protocol_version"), "2");
  EXPECT_TRUE(same_json(at(welcome, "features"), at(client.texts()[0], "payload.features")));
  JsonNode* features = json_from_string(at(welcome, "features").c_str(), nullptr);
  JsonObject* commands =
      json_object_get_object_member(json_node_get_object(features), "call.command");
  EXPECT_EQ(json_array_get_length(json_object_get_array_member(commands, "commands")), 3U);
  json_node_unref(features);
}

TEST_F(StateChannelTest, IdleBaselineIsADummyPlaneWithoutLayers) {
  start();
  auto client = join();
  EXPECT_EQ(at(client->texts()[1], "payload.layers"), "[]");
  EXPECT_EQ(at(client->texts()[1], "payload.metadata.status"), "\"idle\"");
  EXPECT_EQ(at(client->texts()[2], "payload.level_shapes"), "[[1,1]]");
  EXPECT_EQ(at(client->texts()[2], "payload.axis_labels"), R"(["y","x"])");
  EXPECT_EQ(client->texts().size(), 3U);
}

TEST_F(StateChannelTest, SceneAndDimsDescribeTheDataSet) {
  start();
  load();
  auto client = join();
  const std::string layer = at(client->texts()[1], "payload.layers.0");
  EXPECT_EQ(at(layer, "layer_id"), "\"layer-0\"");
  EXPECT_EQ(at(layer, "shape"), "[20,40,60]");
  EXPECT_EQ(at(layer, "contrast_limits"), "[0.0,255.0]");
  EXPECT_EQ(at(layer, "controls.contrast_limits"), "[10.0,200.0]");
  EXPECT_EQ(at(layer, "metadata.thumbnail.31.31"), "[0.0,0.0,0.0,1.0]");
  EXPECT_EQ(at(client->texts()[1], "payload.viewer.camera.zoom"), "4.0");
  const std::string dims = at(client->texts()[2], "payload");
  EXPECT_EQ(at(dims, "current_step"), "[10,0,0]");
  EXPECT_EQ(at(dims, "step"), "[10,0,0]");
  EXPECT_EQ(at(dims, "level_shapes"), "[[20,40,60],[10,20,30]]");
  EXPECT_EQ(at(dims, "displayed"), "[1,2]");
  EXPECT_EQ(at(dims, "mode"), "\"plane\"");
}

struct RejectCase {
  const char* name;
  std::string message;
  const char* code;
  const char* details;  // a member of details that must be there; empty: none
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  return text.replace(position, from.size(), to);
}

TEST_F(StateChannelTest, RejectsWhatIsNoGoodHello) {
  start();
  const std::string hello = hello_text();
  const std::vector<RejectCase> cases = {
      {"version", replaced(hello, R"("version":2)", R"("version":1)"), "invalid_payload", "error"},
      {"protocols", replaced(hello, R"("protocols":[2])", R"("protocols":[1])"),
       "protocol_mismatch", "client_protocols"},
      {"empty protocols", replaced(hello, R"("protocols":[2])", R"("protocols":[])"),
       "invalid_payload", "error"},
      {"feature", replaced(hello, R"("notify.stream":true)", R"("notify.stream":false)"),
       "unsupported_client", "missing"},
      {"first message", R"({"type":"ping"})", "unexpected_message", "received"},
      {"JSON", "{hello", "invalid_json", "error"},
      {"NaN", R"({"type":"session.hello","timestamp":NaN})", "invalid_json", "error"},
      {"extra key", replaced(hello, R"("protocols")", R"("more":1,"protocols")"), "invalid_payload",
       "error"},
      {"extra client key", replaced(hello, R"("platform")", R"("more":"x","platform")"),
       "invalid_payload", "error"},
      {"no timestamp", replaced(hello, R"("timestamp":1.5,)", ""), "invalid_payload", "error"},
      {"session", replaced(hello, R"("frame_id")", R"("session":"s","frame_id")"),
       "invalid_payload", "error"},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.name);
    Client client(state_url());
    ASSERT_TRUE(client.connected());
    client.send(test.message);
    const auto reject = client.next("");
    ASSERT_TRUE(reject);
    EXPECT_EQ(at(*reject, "type"), "\"session.reject\"");
    EXPECT_EQ(at(*reject, "payload.code"), fmt::format("\"{}\"", test.code));
    EXPECT_NE(at(*reject, "payload.message"), "");
    EXPECT_NE(at(*reject, std::string("payload.details.") + test.details), "");
    EXPECT_EQ(at(*reject, "session"), "");
    EXPECT_TRUE(client.wait_closed());
    EXPECT_NE(client.close_code(), 1001);
  }
  EXPECT_EQ(service_->report().sessions_rejected, cases.size());
}

TEST_F(StateChannelTest, RejectsAHelloThatNeverComes) {
  start();
  Client client(state_url());
  const auto reject = client.next("session.reject");
  ASSERT_TRUE(reject);
  EXPECT_EQ(at(*reject, "payload.code"), "\"timeout\"");
  EXPECT_TRUE(client.wait_closed());
}

TEST_F(StateChannelTest, HeartbeatsAndRemovesTheSilent) {
  start([](auto& config) { config.heartbeat_s = 0.1; });
  auto silent = join();
  auto lively = join();
  int acked = 0;
  while (acked < 5) {
    const auto beat = lively->next("session.heartbeat");
    ASSERT_TRUE(beat);
    EXPECT_EQ(at(*beat, "payload"), "{}");
    lively->send(fmt::format(
        R"({{"type":"session.ack","version":2,"session":"{}","frame_id":"a","timestamp":1,"payload":{{}}}})",
        lively->session_id()));
    ++acked;
  }
  const auto goodbye = silent->next("session.goodbye");
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(at(*goodbye, "payload.code"), "\"timeout\"");
  EXPECT_EQ(at(*goodbye, "payload.reason"), "\"heartbeat_timeout\"");
  EXPECT_TRUE(silent->wait_closed());
  EXPECT_EQ(silent->close_code(), 1011);
  EXPECT_FALSE(lively->closed());
  EXPECT_EQ(service_->report().sessions_timed_out, 1U);
}

TEST_F(StateChannelTest, AnswersGoodbyeAndCloses) {
  start();
  auto client = join();
  client->send(fmt::format(
      R"({{"type":"session.goodbye","version":2,"session":"{}","frame_id":"g","timestamp":1,"payload":{{"code":"x","message":"y"}}}})",
      client->session_id()));
  const auto goodbye = client->next("session.goodbye");
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(at(*goodbye, "payload.code"), "\"goodbye\"");
  EXPECT_EQ(at(*goodbye, "payload.reason"), "\"client_goodbye\"");
  EXPECT_TRUE(client->wait_closed());
  EXPECT_EQ(client->close_code(), 1000);
  EXPECT_TRUE(run_until([&] { return service_->report().state_clients_now == 0; }));
}

TEST_F(StateChannelTest, ToleratesJunk) {
  start();
  load();
  auto client = join();
  const std::vector<std::string> junk = {
      R"({"type":"ping"})",
      R"({"type":"view.resize","width_px":10,"height_px":10,"dpr":1.0,"ts":1.0})",
      R"({"type":"input.wheel","angle_x":1})",
      R"({"type":"no.such.thing","version":2,"payload":{}})",
      R"({"no":"type"})",
      "[]",
      "null",
      "not JSON",
      "",
      std::string(200, '['),
      R"({"type":7})",
      R"({"type":"state.update","version":2,"timestamp":1,"payload":{}})",
      R"({"type":"session.hello"})"};
  for (const auto& text : junk) client->send(text);
  client->send_binary("\xff\xfe\x00\x01");
  client->send_binary(R"({"type":"ping"})");
  EXPECT_EQ(at(client->intend("dims", "z", "index", "3"), "applied_value"), "3");
  EXPECT_FALSE(client->closed());
  EXPECT_EQ(service_->report().messages_ignored, junk.size() + 2);
}

TEST_F(StateChannelTest, ClosesOnAnOversizedMessageAndStaysUp) {
  start();
  auto loud = join();
  auto quiet = join();
  loud->send(std::string(data::kMessageBytesMax + 1, ' '));
  EXPECT_TRUE(loud->wait_closed());
  // 1009, unless the rest of the message that nobody reads resets the connection before it arrives.
  EXPECT_TRUE(loud->close_code() == 1009 || loud->close_code() == 0) << loud->close_code();
  EXPECT_EQ(at(quiet->intend("view", "main", "ndisplay", "2"), "status"), "\"accepted\"");
}

TEST_F(StateChannelTest, MalformedUpdatesAreRejectedByIdOrIgnored) {
  start();
  auto client = join();
  const auto send = [&](const std::string& envelope, const std::string& payload) {
    client->send(fmt::format(R"({{"type":"state.update",{},"payload":{}}})", envelope, payload));
  };
  const std::string good_ids =
      fmt::format(R"("session":"{}","frame_id":"f","intent_id":"i")", client->session_id());
  const std::string value = R"({"scope":"view","target":"main","key":"ndisplay","value":2})";
  const std::vector<std::pair<std::string, std::string>> rejected = {
      {R"("version":1,"timestamp":1,)" + good_ids, value},
      {R"("version":2,)" + good_ids, value},
      {R"("version":2,"timestamp":1,)" + good_ids, "[]"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"view","target":"main","key":"ndisplay"})"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"","target":"main","key":"ndisplay","value":2})"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"view","target":"main","key":" ","value":2})"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"nope","target":"main","key":"ndisplay","value":2})"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"view","target":"main","key":"nope","value":2})"},
      {R"("version":2,"timestamp":1,)" + good_ids,
       R"({"scope":"view","key":"ndisplay","value":2})"},
  };
  for (const auto& [envelope, payload] : rejected) {
    send(envelope, payload);
    const auto ack = client->next("ack.state");
    ASSERT_TRUE(ack) << envelope << payload;
    EXPECT_EQ(at(*ack, "payload.status"), "\"rejected\"") << envelope << payload;
    EXPECT_EQ(at(*ack, "payload.error.code"), "\"state.invalid\"");
    EXPECT_NE(at(*ack, "payload.error.message"), "");
    EXPECT_EQ(at(*ack, "payload.in_reply_to"), "\"f\"");
  }
  const std::size_t before = client->texts().size();
  send(R"("version":2,"timestamp":1,"frame_id":"f","intent_id":"i")", value);
  send(fmt::format(R"("version":2,"timestamp":1,"session":"{}","frame_id":"f")",
                   client->session_id()),
       value);
  send(fmt::format(R"("version":2,"timestamp":1,"session":"{}","intent_id":"i")",
                   client->session_id()),
       value);
  EXPECT_EQ(at(client->intend("VIEW ", "main", " NDisplay", "2"), "status"), "\"accepted\"");
  EXPECT_EQ(client->texts().size(), before + 1);
}

TEST_F(StateChannelTest, AcksTheSenderOnlyAndTellsEverybody) {
  start();
  load();
  auto first = join();
  auto second = join();
  EXPECT_NE(first->session_id(), second->session_id());
  const std::size_t seen = second->texts().size();
  const std::string ack = first->intend("layer", "layer-0", "opacity", "0.5");
  EXPECT_EQ(at(ack, "version"), "2");
  EXPECT_EQ(at(ack, "scene_version"), std::to_string(service_->report().scene_version));
  const auto own = first->next("notify.layers");
  const auto other = second->next("notify.layers");
  ASSERT_TRUE(own);
  ASSERT_TRUE(other);
  EXPECT_EQ(at(*other, "payload"), R"({"layer_id":"layer-0","controls":{"opacity":0.5}})");
  EXPECT_EQ(at(*other, "session"), "\"" + second->session_id() + "\"");
  EXPECT_EQ(at(*own, "session"), "\"" + first->session_id() + "\"");
  EXPECT_EQ(at(*other, "seq"), at(*own, "seq"));
  EXPECT_EQ(at(*own, "intent_id"), "\"" + first->last_intent_id() + "\"");
  for (std::size_t i = seen; i < second->texts().size(); ++i) {
    EXPECT_NE(at(second->texts()[i], "type"), "\"ack.state\"");
  }
}

TEST_F(StateChannelTest, ABurstOfStepsEndsWithTheNewestDims) {
  start();
  load();
  auto client = join();
  for (int i = 0; i < 20; ++i) {
    client->send(fmt::format(
        R"({{"type":"state.update","version":2,"session":"{}","frame_id":"b{}","timestamp":1,"intent_id":"b{}","payload":{{"scope":"dims","target":"z","key":"index","value":{}}}}})",
        client->session_id(), i, i, i));
  }
  std::string last;
  int frames = 0;
  ASSERT_TRUE(run_until([&] {
    while (const auto dims = client->next("notify.dims", 0.01)) {
      last = at(*dims, "payload.current_step");
      ++frames;
    }
    return last == "[19,0,0]";
  }));
  EXPECT_LE(frames, 20);
  EXPECT_EQ(runtime_.snapshots.back()->dims.current_step.front(), 19);
}

TEST_F(StateChannelTest, PosesAreMirroredAndNotFedBack) {
  start();
  load();
  auto client = join();
  ASSERT_EQ(at(client->intend("camera", "main", "zoom", R"({"factor":1.1,"anchor_px":[160,120]})"),
               "status"),
            "\"accepted\"");
  ASSERT_EQ(runtime_.commands.size(), 1U);
  EXPECT_EQ(runtime_.commands[0].scene_version, service_->report().scene_version);
  const auto echo = client->next("notify.camera");
  ASSERT_TRUE(echo);
  EXPECT_TRUE(same_json(
      at(*echo, "payload"),
      R"({"mode":"zoom","origin":"state.update","delta":{"factor":1.1,"anchor_px":[160.0,120.0]}})"));
  const std::size_t snapshots = runtime_.snapshots.size();
  const auto version = service_->report().scene_version;
  auto pose = runtime_.home;
  pose.plane = {.center = {10, 20}, .zoom = 2};
  events_.on_pose(pose, 1);
  const auto told = client->next("notify.camera");
  ASSERT_TRUE(told);
  EXPECT_EQ(at(*told, "payload.mode"), "\"pose\"");
  EXPECT_EQ(at(*told, "payload.origin"), "\"worker.state.camera\"");
  EXPECT_EQ(at(*told, "payload.state.rect"), "[-470.0,-250.0,960.0,540.0]");
  EXPECT_EQ(at(*told, "intent_id"), "");
  EXPECT_EQ(runtime_.snapshots.size(), snapshots);
  EXPECT_EQ(service_->report().scene_version, version);
  events_.on_pose(pose, 1);
  EXPECT_FALSE(client->next("notify.camera", 0.2)) << "an unchanged pose is not news";
}

TEST_F(StateChannelTest, ThumbnailsAndConfigsReachClientsOfTheirTier) {
  start([](auto& config) { config.state_port = -1; });
  load();
  auto web = join();
  Client napari(fmt::format("ws://127.0.0.1:{}/", service_->state_port()));
  napari.handshake();
  events_.on_thumbnail(std::vector<std::uint8_t>(32 * 32 * 4, 255));
  const auto layers = web->next("notify.layers");
  ASSERT_TRUE(layers);
  EXPECT_EQ(at(*layers, "payload.metadata.thumbnail.0.0"), "[1.0,1.0,1.0,1.0]");
  data::StreamConfig config;
  config.avcc_record = {1};
  events_.on_config(Tier::napari, config);
  EXPECT_TRUE(napari.next("notify.stream"));
  EXPECT_FALSE(web->next("notify.stream", 0.1));
  events_.on_config(Tier::napari, config);
  EXPECT_FALSE(napari.next("notify.stream", 0.1)) << "a repeat would make that client ask for IDRs";
}

TEST_F(StateChannelTest, DrainSaysGoodbyeAndClosesWith1011) {
  start();
  auto client = join();
  RawSocket raw(service_->port());
  raw.upgrade("/ws/pixels?token=secret");
  ASSERT_TRUE(raw.wait_for("101 Switching"));
  ASSERT_TRUE(run_until([&] { return service_->report().pixel_clients_now == 1; }));
  bool done = false;
  const gint64 before = g_get_monotonic_time();
  service_->drain([&] { done = true; });
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_LT(g_get_monotonic_time() - before, 1'500'000)
      << "also with a client that answers nothing";
  const auto goodbye = client->next("session.goodbye");
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(at(*goodbye, "payload.reason"), "\"server_shutdown\"");
  EXPECT_TRUE(client->wait_closed());
  EXPECT_EQ(client->close_code(), 1011);
  EXPECT_TRUE(raw.wait_for(std::string("\x88\x11\x03\xf3", 4) + "server_shutdown"));
  EXPECT_EQ(runtime_.subscribers(), 0U);
  service_.reset();
}

}  // namespace
}  // namespace napari::control::testing
