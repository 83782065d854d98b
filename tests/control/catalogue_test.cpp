// Every row of the state.update catalogue and of the commands over real sockets: the ack's code and value, and the notify
// that follows it, or that none does.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "control/service_fixture.hpp"

namespace napari::control::testing {
namespace {

struct Row {
  const char* scope;
  const char* target;
  const char* key;
  const char* value;
  const char* code;     // "" accepted
  const char* applied;  // JSON; "" absent
  const char* notify;   // type of the notify that must follow; "" none
  const char* payload;  // its payload, or a member of it: "path=JSON"; "" not looked at
};

// One after the other on one session: the data set is z y x = 20 40 60 with two levels, the step starts at 10.
const Row kRows[] = {
    // dims
    {"dims", "z", "index", "5", "", "5", "notify.dims", "current_step=[5,0,0]"},
    {"dims", "Z", "index", "6", "", "6", "notify.dims", "step=[6,0,0]"},
    {"dims", "0", "index", "7", "", "7", "notify.dims", "current_step=[7,0,0]"},
    {"dims", "z", "index", "7", "", "7", "", ""},
    {"dims", "z", "index", "99", "", "19", "notify.dims", "current_step=[19,0,0]"},
    {"dims", "z", "index", "-5", "", "0", "notify.dims", "current_step=[0,0,0]"},
    {"dims", "z", "index", "true", "", "1", "notify.dims", "current_step=[1,0,0]"},
    {"dims", "z", "step", "2", "", "3", "notify.dims", "current_step=[3,0,0]"},
    {"dims", "z", "step", "-1", "", "2", "notify.dims", "current_step=[2,0,0]"},
    {"dims", "z", "step", "999999999999999999", "", "19", "notify.dims", "current_step=[19,0,0]"},
    {"dims", "z", "step", "0", "", "19", "", ""},
    {"dims", "x", "index", "30", "", "30", "notify.dims", "current_step=[19,0,30]"},
    {"dims", "z", "index", "2.5", "state.invalid", "", "", ""},
    {"dims", "z", "index", "2.0", "state.invalid", "", "", ""},
    {"dims", "z", "index", "\"2\"", "state.invalid", "", "", ""},
    {"dims", "z", "index", "null", "state.invalid", "", "", ""},
    {"dims", "z", "step", "[1]", "state.invalid", "", "", ""},
    {"dims", "w", "index", "1", "state.error", "", "", ""},
    {"dims", "3", "index", "1", "state.error", "", "", ""},
    {"dims", "-1", "index", "1", "state.error", "", "", ""},
    {"dims", "z", "bogus", "1", "state.invalid", "", "", ""},
    // view
    {"view", "main", "ndisplay", "3", "", "3", "notify.dims", "mode=\"volume\""},
    {"camera", "main", "orbit", R"({"d_az_deg":10,"d_el_deg":-5.5})", "",
     R"({"d_az_deg":10.0,"d_el_deg":-5.5})", "notify.camera", "mode=\"orbit\""},
    {"camera", "main", "set", R"({"center":[1,2,3],"angles":[10,20,0]})", "",
     R"({"center":[1.0,2.0,3.0],"angles":[10.0,20.0,0.0]})", "notify.camera",
     "delta={\"center\":[1.0,2.0,3.0],\"angles\":[10.0,20.0,0.0]}"},
    {"camera", "main", "set", R"({"fov":45,"zoom":2,"rect":[0,0,1,1]})", "", R"({"fov":45.0})",
     "notify.camera", "delta={\"fov\":45.0}"},
    {"camera", "main", "set", R"({"fov":121})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"zoom":2})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"center":[1,2]})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"angles":[1,2]})", "state.invalid", "", "", ""},
    {"view", "main", "ndisplay", "\"2\"", "", "2", "notify.dims", "displayed=[1,2]"},
    {"view", "main", "ndisplay", "7", "", "3", "notify.dims", "ndisplay=3"},
    {"view", "main", "ndisplay", "null", "", "2", "notify.dims", "ndisplay=2"},
    {"view", "main", "ndisplay", "-4", "", "2", "", ""},
    {"view", "main", "ndisplay", "\"two\"", "state.invalid", "", "", ""},
    {"view", "main", "ndisplay", "{}", "state.invalid", "", "", ""},
    {"view", "main", "bogus", "3", "state.invalid", "", "", ""},
    // camera, in 2-D
    {"camera", "main", "zoom", R"({"factor":1.1,"anchor_px":[160,120]})", "",
     R"({"factor":1.1,"anchor_px":[160.0,120.0]})", "notify.camera",
     "delta={\"factor\":1.1,\"anchor_px\":[160.0,120.0]}"},
    {"camera", "", "zoom", R"({"factor":0.5,"anchor_px":[0,0]})", "",
     R"({"factor":0.5,"anchor_px":[0.0,0.0]})", "notify.camera", "mode=\"zoom\""},
    {"camera", "main", "zoom", R"({"factor":0,"anchor_px":[0,0]})", "state.invalid", "", "", ""},
    {"camera", "main", "zoom", R"({"factor":-1,"anchor_px":[0,0]})", "state.invalid", "", "", ""},
    {"camera", "main", "zoom", R"({"factor":1e999,"anchor_px":[0,0]})", "state.invalid", "", "",
     ""},
    {"camera", "main", "zoom", R"({"factor":1.1})", "state.invalid", "", "", ""},
    {"camera", "main", "zoom", R"({"factor":1.1,"anchor_px":[0]})", "state.invalid", "", "", ""},
    {"camera", "main", "zoom", R"({"factor":1.1,"anchor_px":["a",0]})", "state.invalid", "", "",
     ""},
    {"camera", "main", "zoom", "1.1", "state.invalid", "", "", ""},
    {"camera", "main", "pan", R"({"dx_px":10,"dy_px":-4})", "", R"({"dx_px":10.0,"dy_px":-4.0})",
     "notify.camera", "mode=\"pan\""},
    {"camera", "main", "pan", R"({"dx_px":0,"dy_px":0.0})", "", R"({"dx_px":0.0,"dy_px":0.0})", "",
     ""},
    {"camera", "main", "pan", R"({"dx_px":10})", "state.invalid", "", "", ""},
    {"camera", "main", "pan", R"({"dx_px":"10","dy_px":1})", "state.invalid", "", "", ""},
    {"camera", "main", "orbit", R"({"d_az_deg":1,"d_el_deg":2})", "",
     R"({"d_az_deg":1.0,"d_el_deg":2.0})", "notify.camera", "origin=\"state.update\""},
    {"camera", "main", "orbit", R"({"d_az_deg":1})", "state.invalid", "", "", ""},
    {"camera", "main", "reset", R"({"reason":"ui"})", "", R"({"reason":"ui"})", "notify.camera",
     "delta={\"reason\":\"ui\"}"},
    {"camera", "main", "reset", "\"key\"", "", R"({"reason":"key"})", "notify.camera", ""},
    {"camera", "main", "reset", "null", "", R"({"reason":"state.update"})", "notify.camera", ""},
    {"camera", "main", "set", R"({"center":[5,6],"zoom":2})", "",
     R"({"center":[5.0,6.0],"zoom":2.0})", "notify.camera", "mode=\"set\""},
    {"camera", "main", "set", R"({"rect":[0,0,10,20]})", "", R"({"rect":[0.0,0.0,10.0,20.0]})",
     "notify.camera", ""},
    {"camera", "main", "set", R"({"angles":[1,2,3]})", "", R"({"angles":[1.0,2.0,3.0]})",
     "notify.camera", ""},
    {"camera", "main", "set", R"({"center":[5]})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"zoom":0})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"zoom":"2"})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"rect":[0,0,0,20]})", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"rect":[0,0,1]})", "state.invalid", "", "", ""},
    {"camera", "main", "set", "{}", "state.invalid", "", "", ""},
    {"camera", "main", "set", R"({"zoom":null})", "state.invalid", "", "", ""},
    {"camera", "main", "set", "[]", "state.invalid", "", "", ""},
    {"camera", "other", "reset", "null", "state.invalid", "", "", ""},
    {"camera", "main", "bogus", "1", "state.invalid", "", "", ""},
    // layer
    {"layer", "layer-0", "visible", "false", "", "false", "notify.layers",
     "controls={\"visible\":false}"},
    {"layer", "layer-0", "visible", "\"Yes\"", "", "true", "notify.layers",
     "controls={\"visible\":true}"},
    {"layer", "layer-0", "visible", "0", "", "false", "notify.layers",
     "controls={\"visible\":false}"},
    {"layer", "layer-0", "visible", "\"on\"", "", "true", "notify.layers", ""},
    {"layer", "layer-0", "visible", "\"maybe\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "visible", "null", "state.invalid", "", "", ""},
    {"layer", "layer-0", "opacity", "0.5", "", "0.5", "notify.layers",
     "controls={\"opacity\":0.5}"},
    {"layer", "layer-0", "opacity", "7", "", "1.0", "notify.layers", "controls={\"opacity\":1.0}"},
    {"layer", "layer-0", "opacity", "7", "", "1.0", "notify.layers", "controls={\"opacity\":1.0}"},
    {"layer", "layer-0", "opacity", "-1", "", "0.0", "notify.layers", "controls={\"opacity\":0.0}"},
    {"layer", "layer-0", "opacity", "\"1\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "opacity", "1e999", "state.invalid", "", "", ""},
    {"layer", "layer-0", "gamma", "2", "", "2.0", "notify.layers", "controls={\"gamma\":2.0}"},
    {"layer", "layer-0", "gamma", "0", "state.error", "", "", ""},
    {"layer", "layer-0", "gamma", "-1", "state.error", "", "", ""},
    {"layer", "layer-0", "gamma", "null", "state.invalid", "", "", ""},
    {"layer", "layer-0", "colormap", "\"VIRIDIS\"", "", "\"viridis\"", "notify.layers",
     "controls={\"colormap\":\"viridis\"}"},
    {"layer", "layer-0", "colormap", "\"nope\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "colormap", "3", "state.invalid", "", "", ""},
    {"layer", "layer-0", "contrast_limits", "[20,180.5]", "", "[20.0,180.5]", "notify.layers",
     "controls={\"contrast_limits\":[20.0,180.5]}"},
    {"layer", "layer-0", "contrast_limits", "[90,10]", "", "[10.0,90.0]", "notify.layers", ""},
    {"layer", "layer-0", "contrast_limits", R"({"lo":1,"hi":2})", "", "[1.0,2.0]", "notify.layers",
     ""},
    {"layer", "layer-0", "contrast_limits", "[5,5]", "state.invalid", "", "", ""},
    {"layer", "layer-0", "contrast_limits", "[5]", "state.invalid", "", "", ""},
    {"layer", "layer-0", "contrast_limits", "[0,1e999]", "state.invalid", "", "", ""},
    {"layer", "layer-0", "contrast_limits", "[-1e308,1.7e308]", "state.invalid", "", "", ""},
    {"layer", "layer-0", "rendering", "\"MIP\"", "", "\"mip\"", "notify.layers",
     "controls={\"rendering\":\"mip\"}"},
    {"layer", "layer-0", "rendering", "\"iso\"", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "rendering", "\"minip\"", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "rendering", "\"bogus\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "blending", "\"translucent\"", "", "\"translucent\"", "notify.layers", ""},
    {"layer", "layer-0", "blending", "\"maximum\"", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "blending", "\"minimum\"", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "blending", "\"bogus\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "interpolation", "\"nearest\"", "", "\"nearest\"", "notify.layers",
     "controls={\"interpolation\":\"nearest\"}"},
    {"layer", "layer-0", "interpolation", "\"cubic\"", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "interpolation", "\"bilinear\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "attenuation", "0.1", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "attenuation", "\"a\"", "state.invalid", "", "", ""},
    {"layer", "layer-0", "iso_threshold", "0.25", "state.unsupported", "", "", ""},
    {"layer", "layer-0", "iso_threshold", "{}", "state.invalid", "", "", ""},
    {"layer", "layer-0", "depiction", "\"volume\"", "", "\"volume\"", "", ""},
    {"layer", "layer-0", "depiction", "\"plane\"", "state.unsupported", "", "", ""},
    {"layer", "layer-9", "opacity", "0.5", "state.invalid", "", "", ""},
    {"layer", "", "opacity", "0.5", "state.invalid", "", "", ""},
    {"layer", "layer-0", "bogus", "1", "state.invalid", "", "", ""},
    // volume
    {"volume", "main", "render_mode", "\"Mip\"", "", "\"mip\"", "notify.layers",
     "controls={\"rendering\":\"mip\"}"},
    {"volume", "main", "render_mode", "\"translucent\"", "state.unsupported", "", "", ""},
    {"volume", "main", "render_mode", "\"bogus\"", "state.invalid", "", "", ""},
    {"volume", "main", "contrast_limits", "[3,4]", "", "[3.0,4.0]", "notify.layers",
     "controls={\"contrast_limits\":[3.0,4.0]}"},
    {"volume", "main", "contrast_limits", "3", "state.invalid", "", "", ""},
    {"volume", "main", "colormap", "\"magma\"", "", "\"magma\"", "notify.layers",
     "controls={\"colormap\":\"magma\"}"},
    {"volume", "main", "colormap", "\"\"", "state.invalid", "", "", ""},
    {"volume", "main", "opacity", "2", "", "1.0", "notify.layers", "controls={\"opacity\":1.0}"},
    {"volume", "main", "opacity", "null", "state.invalid", "", "", ""},
    {"volume", "main", "sample_step", "0.5", "state.unsupported", "", "", ""},
    {"volume", "main", "sample_step", "\"x\"", "state.invalid", "", "", ""},
    {"volume", "main", "bogus", "1", "state.invalid", "", "", ""},
    // multiscale; the step is z = 19, x = 30 before
    {"multiscale", "main", "level", "1", "", "1", "notify.dims", "current_level=1"},
    {"dims", "z", "index", "15", "", "9", "", ""},
    {"multiscale", "main", "level", "\"0\"", "", "0", "notify.dims", "current_level=0"},
    {"multiscale", "main", "level", "9", "", "1", "notify.dims", "current_level=1"},
    {"multiscale", "main", "level", "\"auto\"", "", "0", "notify.dims", "current_level=0"},
    {"multiscale", "main", "level", "1.5", "state.invalid", "", "", ""},
    {"multiscale", "main", "level", "\"x\"", "state.invalid", "", "", ""},
    {"multiscale", "main", "policy", "\"ratio\"", "state.unsupported", "", "", ""},
    {"multiscale", "main", "policy", "7", "state.unsupported", "", "", ""},
    {"multiscale", "main", "bogus", "7", "state.invalid", "", "", ""},
    // beyond the catalogue
    {"bogus", "main", "level", "1", "state.invalid", "", "", ""},
};

class CatalogueTest : public ServiceTest {
 protected:
  // What came to a session between two marks, without acks and poses.
  static std::vector<std::string> notifies(const Client& client, std::size_t from) {
    std::vector<std::string> found;
    for (std::size_t i = from; i < client.texts().size(); ++i) {
      const std::string& text = client.texts()[i];
      const std::string type = at(text, "type");
      if (type == "\"ack.state\"" || at(text, "payload.mode") == "\"pose\"") continue;
      found.push_back(text);
    }
    return found;
  }

  static void expect_payload(const std::string& notify, const std::string& expectation) {
    const auto equals = expectation.find('=');
    if (equals == std::string::npos) return;
    const std::string path = "payload." + expectation.substr(0, equals);
    EXPECT_TRUE(same_json(at(notify, path), expectation.substr(equals + 1)))
        << path << " is " << at(notify, path);
  }
};

TEST_F(CatalogueTest, EveryRowOfStateUpdate) {
  start();
  load();
  auto client = join();
  auto other = join();
  for (const Row& row : kRows) {
    SCOPED_TRACE(fmt::format("{}.{}.{} {}", row.scope, row.target, row.key, row.value));
    const std::size_t before = client->texts().size();
    const std::size_t other_before = other->texts().size();
    const auto version_before = service_->report().scene_version;
    const std::string ack = client->intend(row.scope, row.target, row.key, row.value);
    ASSERT_EQ(at(client->texts().at(before), "type"), "\"ack.state\"") << "the ack comes first";
    const bool accepted = *row.code == '\0';
    EXPECT_EQ(at(ack, "status"), accepted ? "\"accepted\"" : "\"rejected\"") << ack;
    if (accepted) {
      EXPECT_TRUE(same_json(at(ack, "applied_value"), row.applied)) << ack;
      EXPECT_EQ(at(ack, "error"), "");
      EXPECT_EQ(at(ack, "version").find('.'), std::string::npos);
      EXPECT_GE(std::stoll(at(ack, "version")), 1);
      EXPECT_EQ(at(ack, "scene_version"), std::to_string(service_->report().scene_version));
    } else {
      EXPECT_EQ(at(ack, "error.code"), fmt::format("\"{}\"", row.code)) << ack;
      EXPECT_GT(at(ack, "error.message").size(), 2U);
      EXPECT_EQ(at(ack, "error.details.key"), fmt::format("\"{}\"", row.key));
      EXPECT_EQ(service_->report().scene_version, version_before) << "a rejection changes nothing";
    }
    if (*row.notify == '\0') {
      // One more round trip: a notify would have come before its ack.
      (void)client->intend("bogus", "", "x", "0");
      EXPECT_TRUE(notifies(*client, before).empty()) << notifies(*client, before).front();
      continue;
    }
    ASSERT_TRUE(run_until([&] {
      return !notifies(*client, before).empty() && !notifies(*other, other_before).empty();
    }));
    const std::string notify = notifies(*client, before).front();
    EXPECT_EQ(at(notify, "type"), fmt::format("\"{}\"", row.notify));
    expect_payload(notify, row.payload);
    const bool echo = std::string_view(row.notify) != "notify.dims";
    EXPECT_EQ(at(notify, "intent_id"), echo ? fmt::format("\"{}\"", client->last_intent_id()) : "");
    EXPECT_EQ(at(notifies(*other, other_before).front(), "payload"), at(notify, "payload"));
  }
}

TEST_F(CatalogueTest, IntentsReachTheRuntimeInOrderWithTheirVersions) {
  start();
  load();
  auto client = join();
  (void)client->intend("view", "main", "ndisplay", "3");
  const std::string ack =
      client->intend("camera", "main", "orbit", R"({"d_az_deg":3,"d_el_deg":4})");
  EXPECT_EQ(runtime_.snapshots.back()->dims.ndisplay, 3);
  ASSERT_FALSE(runtime_.commands.empty());
  EXPECT_EQ(std::to_string(runtime_.commands.back().scene_version), at(ack, "scene_version"));
  EXPECT_EQ(runtime_.commands.back().scene_version, runtime_.snapshots.back()->scene_version + 1);
  (void)client->intend("layer", "layer-0", "gamma", "3");
  EXPECT_EQ(runtime_.snapshots.back()->layers.at(0).controls.gamma, 3);
  (void)client->intend("multiscale", "main", "level", "1");
  EXPECT_TRUE(runtime_.snapshots.back()->level_pinned);
  EXPECT_EQ(runtime_.snapshots.back()->dims.current_level, 1);
  (void)client->intend("multiscale", "main", "level", "\"auto\"");
  EXPECT_FALSE(runtime_.snapshots.back()->level_pinned);
}

TEST_F(CatalogueTest, IdleRefusesWhatNeedsData) {
  start();
  auto client = join();
  EXPECT_EQ(at(client->intend("view", "main", "ndisplay", "3"), "error.code"), "\"state.error\"");
  EXPECT_EQ(at(client->intend("volume", "main", "opacity", "1"), "error.code"), "\"state.error\"");
  EXPECT_EQ(at(client->intend("layer", "layer-0", "opacity", "1"), "error.code"),
            "\"state.invalid\"");
  EXPECT_EQ(at(client->intend("dims", "y", "index", "4"), "applied_value"), "0");
  EXPECT_EQ(at(client->intend("multiscale", "main", "level", "4"), "applied_value"), "0");
}

class CommandTest : public ServiceTest {
 protected:
  CommandTest() {
    char pattern[] = "/tmp/control-test-XXXXXX";
    root_ = mkdtemp(pattern);
    make_dataset("b.zarr");
    make_dataset("many/one.zarr");
    make_dataset("many/two.zarr");
    make_dataset("single/only.zarr");
    make_dataset("corrupt.zarr");
    std::filesystem::create_directories(root_ + "/A folder");
    std::ofstream(root_ + "/notes.txt") << "x";
    std::ofstream(root_ + "/scan.ZARR") << "x";
    std::ofstream(root_ + "/.hidden.zarr") << "x";
    std::filesystem::create_symlink("/usr", root_ + "/way-out.zarr");
  }
  ~CommandTest() override { std::filesystem::remove_all(root_); }

  void make_dataset(const std::string& name) {
    std::filesystem::create_directories(root_ + "/" + name);
    std::ofstream(root_ + "/" + name + "/.zattrs") << R"({"multiscales":[{"version":"0.4"}]})";
  }
  void start_here() {
    start([&](auto& config) { config.data_root = root_; });
  }
  static std::vector<std::string> names(const std::string& reply) {
    std::vector<std::string> found;
    for (int i = 0; at(reply, fmt::format("payload.result.entries.{}", i)) != ""; ++i) {
      found.push_back(at(reply, fmt::format("payload.result.entries.{}.name", i)));
    }
    return found;
  }

  std::string root_;
};

TEST_F(CommandTest, ListsFolders) {
  start_here();
  auto client = join();
  const std::string reply =
      client->call("fs.listdir", R"({"path":null,"show_hidden":false,"only":[".zarr"]})");
  EXPECT_EQ(at(reply, "type"), "\"reply.command\"");
  EXPECT_EQ(at(reply, "payload.status"), "\"ok\"");
  EXPECT_EQ(at(reply, "payload.result.path"), "\"" + root_ + "\"");
  EXPECT_EQ(at(reply, "payload.result.has_more"), "false");
  const std::vector<std::string> expected = {"\"A folder\"", "\"b.zarr\"",    "\"corrupt.zarr\"",
                                             "\"many\"",     "\"scan.ZARR\"", "\"single\""};
  std::vector<std::string> inside = names(reply);
  std::erase(inside, "\"way-out.zarr\"");  // listed or not, it cannot be entered
  EXPECT_EQ(inside, expected);
  EXPECT_EQ(at(reply, "payload.result.entries.1.zarr_metadata.is_dataset"), "true");
  EXPECT_EQ(at(reply, "payload.result.entries.1.zarr_metadata.has_multiscales"), "true");
  const std::string everything = client->call("fs.listdir", R"({"only":[],"show_hidden":true})");
  const auto all = names(everything);
  EXPECT_NE(std::find(all.begin(), all.end(), "\"notes.txt\""), all.end());
  EXPECT_NE(std::find(all.begin(), all.end(), "\".hidden.zarr\""), all.end());
  const std::string many = client->call("fs.listdir", R"({"path":"many"})");
  EXPECT_EQ(at(many, "payload.result.path"), "\"" + root_ + "/many\"");
  for (const char* outside : {"/usr", "..", "way-out.zarr"}) {
    const std::string up = client->call("fs.listdir", fmt::format(R"({{"path":"{}"}})", outside));
    EXPECT_EQ(at(up, "payload.result.path"), "\"" + root_ + "\"") << outside;
  }
  const std::string missing = client->call("fs.listdir", R"({"path":"missing"})");
  EXPECT_EQ(at(missing, "type"), "\"error.command\"");
  EXPECT_EQ(at(missing, "payload.code"), "\"fs.not_found\"");
  EXPECT_EQ(at(missing, "payload.details.path"), "\"missing\"");
  EXPECT_EQ(at(client->call("fs.listdir", R"({"only":"x"})"), "payload.code"),
            "\"command.invalid\"");
  EXPECT_EQ(at(client->call("fs.listdir", R"({"path":7})"), "payload.code"), "\"command.invalid\"");
}

TEST_F(CommandTest, LoadsAndTellsEverybody) {
  start_here();
  auto client = join();
  auto other = join();
  const std::string reply = client->call("napari.load_zarr", R"({"path":"single"})");
  EXPECT_EQ(at(reply, "payload.result"), R"({"ok":true})") << reply;
  const auto scene = other->next("notify.scene");
  ASSERT_TRUE(scene);
  EXPECT_EQ(at(*scene, "payload.metadata.status"), "\"ready\"");
  EXPECT_TRUE(other->next("notify.dims"));
  EXPECT_TRUE(other->next("notify.layers"));
  EXPECT_NE(runtime_.snapshots.back()->image, nullptr);
  const auto first = runtime_.snapshots.back()->dataset_id;
  EXPECT_EQ(at(client->call("napari.load_zarr", R"({"path":"b.zarr"})"), "payload.status"),
            "\"ok\"");
  EXPECT_NE(runtime_.snapshots.back()->dataset_id, first);
}

TEST_F(CommandTest, RefusesToLoadWithAReason) {
  start_here();
  auto client = join();
  const auto code = [&](const std::string& kwargs) {
    return at(client->call("napari.load_zarr", kwargs), "payload.code");
  };
  EXPECT_EQ(code("{}"), "\"command.invalid\"");
  EXPECT_EQ(code(R"({"path":3})"), "\"command.invalid\"");
  EXPECT_EQ(code(R"({"path":"missing.zarr"})"), "\"fs.not_found\"");
  EXPECT_EQ(code(R"({"path":"/usr"})"), "\"fs.forbidden\"");
  EXPECT_EQ(code(R"({"path":"../.."})"), "\"fs.forbidden\"");
  EXPECT_EQ(code(R"({"path":"way-out.zarr"})"), "\"fs.forbidden\"");
  EXPECT_EQ(code(R"({"path":"A folder"})"), "\"zarr.invalid\"");
  EXPECT_EQ(code(R"({"path":"corrupt.zarr"})"), "\"zarr.invalid\"");
  const std::string several = client->call("napari.load_zarr", R"({"path":"many"})");
  EXPECT_EQ(at(several, "payload.code"), "\"zarr.disambiguate\"");
  EXPECT_EQ(at(several, "payload.details.options"), R"(["one.zarr","two.zarr"])");
  EXPECT_EQ(runtime_.snapshots.back()->image, nullptr) << "still idle";
  runtime_.hold_open = true;
  client->send(fmt::format(
      R"({{"type":"call.command","version":2,"session":"{}","frame_id":"held","timestamp":1,"payload":{{"command":"napari.load_zarr","kwargs":{{"path":"b.zarr"}}}}}})",
      client->session_id()));
  EXPECT_EQ(code(R"({"path":"b.zarr"})"), "\"command.retryable\"");
  runtime_.release_open();
  const auto held = client->next("reply.command");
  ASSERT_TRUE(held);
  EXPECT_EQ(at(*held, "payload.in_reply_to"), "\"held\"");
}

TEST_F(CommandTest, UnknownAndMalformedCommands) {
  start_here();
  auto client = join();
  EXPECT_EQ(at(client->call("foo.bar", "{}"), "payload.code"), "\"command.not_found\"");
  EXPECT_EQ(at(client->call("fs.listdir", "[]"), "payload.code"), "\"command.invalid\"");
  client->send(fmt::format(
      R"({{"type":"call.command","version":2,"session":"{}","frame_id":"m","timestamp":1,"payload":{{}}}})",
      client->session_id()));
  ASSERT_TRUE(
      run_until([&] { return at(client->texts().back(), "payload.in_reply_to") == "\"m\""; }));
  EXPECT_EQ(at(client->texts().back(), "type"), "\"error.command\"");
  EXPECT_EQ(at(client->texts().back(), "payload.code"), "\"command.forbidden\"");
  const std::string keyframe = client->call("napari.pixel.request_keyframe", "{}");
  EXPECT_EQ(at(keyframe, "payload.status"), "\"ok\"");
  EXPECT_EQ(at(keyframe, "payload.result"), "");
}

TEST_F(CommandTest, AClientThatVanishesDuringALoadDoesNoHarm) {
  start_here();
  runtime_.hold_open = true;
  {
    auto client = join();
    client->send(fmt::format(
        R"({{"type":"call.command","version":2,"session":"{}","frame_id":"x","timestamp":1,"payload":{{"command":"napari.load_zarr","kwargs":{{"path":"b.zarr"}}}}}})",
        client->session_id()));
    ASSERT_TRUE(run_until([&] { return service_->report().commands == 1; }));
  }
  ASSERT_TRUE(run_until([&] { return service_->report().state_clients_now == 0; }));
  runtime_.release_open();
  ASSERT_TRUE(run_until([&] {
    runtime_.release_open();
    return runtime_.snapshots.back()->image != nullptr;
  }));
}

}  // namespace
}  // namespace napari::control::testing
