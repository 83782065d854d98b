#include "app/options.hpp"

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

namespace napari::app {
namespace {

std::string error_of(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {}) {
  const auto config = parse_serve(arguments, environment);
  return config ? std::string() : config.error().message;
}

TEST(Options, DefaultsAreTheDocumentedOnes) {
  const auto config = parse_serve({}, {});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->host, "127.0.0.1");
  EXPECT_FALSE(config->port.has_value());
  EXPECT_EQ(config->canvas, (data::CanvasSize{1920, 1080}));
  EXPECT_EQ(config->fps, 60);
  EXPECT_EQ(config->bitrate_bps, 12'000'000);
  EXPECT_FALSE(config->state_port.has_value());
}

TEST(Options, ArgumentWinsOverEnvironmentWinsOverFile) {
  const std::string path = testing::TempDir() + "options_test.conf";
  std::ofstream(path) << "# a comment\nfps = 10\nheight = 480\nwidth=640\n";
  const auto config =
      parse_serve({"--config", path, "--fps=30"}, {"NAPARI_CUDA_FPS=20", "NAPARI_CUDA_HEIGHT=360"});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->fps, 30);
  EXPECT_EQ(config->canvas, (data::CanvasSize{640, 360}));
  std::remove(path.c_str());
}

TEST(Options, BadValuesNameTheOptionAndWhatIsAllowed) {
  EXPECT_EQ(error_of({"--fps", "0"}), "--fps: \"0\" is not an integer in 1..240");
  EXPECT_EQ(error_of({"--backend=vulkan"}), "--backend: \"vulkan\" is not one of auto, egl, cpu");
  EXPECT_EQ(error_of({"--width=1919"}), "--width: \"1919\" is not even (64..8192, even)");
  EXPECT_EQ(error_of({}, {"NAPARI_CUDA_PORT=70000"}),
            "NAPARI_CUDA_PORT: \"70000\" is not an integer in 0..65535");
  EXPECT_NE(error_of({"--heartbeat-s", "nan"}), "");
  EXPECT_NE(error_of({"--bitrate", "12X"}), "");
  EXPECT_EQ(error_of({"--device="}), "--device: a device may not be empty");
  EXPECT_NE(error_of({"--vram-budget", "91%"}), "");
  EXPECT_NE(error_of({"--vram-budget", "1M"}), "");
  EXPECT_NE(error_of({"--token", "short"}), "");
}

TEST(Options, UnknownAndIncompleteOptionsAreErrors) {
  EXPECT_EQ(error_of({"--colour"}), "unknown option --colour (see --help)");
  EXPECT_EQ(error_of({"--fps"}), "--fps needs a value");
  EXPECT_EQ(error_of({"--napari=1"}), "--napari takes no value");
  EXPECT_NE(error_of({"a.zarr", "b.zarr"}), "");
  EXPECT_NE(error_of({"--tls-cert", "a.pem"}), "");
  EXPECT_NE(error_of({"--config", "/does/not/exist"}), "");
  EXPECT_NE(error_of({"--config", testing::TempDir()}), "");
  EXPECT_NE(error_of({""}), "");
}

TEST(Options, QuantitiesHaveSuffixes) {
  const auto config = parse_serve({"--bitrate", "2.5M", "--memory-budget", "2G", "--napari"}, {});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->bitrate_bps, 2'500'000);
  EXPECT_EQ(config->memory_budget_bytes, std::int64_t{2} << 30);
  const auto percent = parse_serve({"--memory-budget=10%"}, {});
  ASSERT_TRUE(percent);
  EXPECT_DOUBLE_EQ(percent->memory_budget_percent, 10);
}

TEST(Options, TheGpuIsAnOrdinalOrAUuidAndItsMemoryHasABudget) {
  const auto defaults = parse_serve({}, {});
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->device, "0");
  EXPECT_EQ(defaults->vram_budget_bytes, 0);
  EXPECT_DOUBLE_EQ(defaults->vram_budget_percent, 50);
  const auto config = parse_serve({"--vram-budget", "8G"}, {"NAPARI_CUDA_DEVICE=GPU-1b2c"});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->device, "GPU-1b2c");
  EXPECT_EQ(config->vram_budget_bytes, std::int64_t{8} << 30);
  const auto percent = parse_serve({"--vram-budget=20%"}, {"NAPARI_CUDA_VRAM_BUDGET=8G"});
  ASSERT_TRUE(percent);
  EXPECT_EQ(percent->vram_budget_bytes, 0);
  EXPECT_DOUBLE_EQ(percent->vram_budget_percent, 20);
}

TEST(Options, APortOfZeroIsOffAlsoWithNapari) {
  const auto config = parse_serve({"--napari", "--state-port", "0"}, {});
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->napari);
  EXPECT_EQ(config->state_port, 0);
  EXPECT_FALSE(config->pixel_port.has_value());
}

TEST(Options, HelpNamesEveryOptionAndItsVariable) {
  const std::string help = help_text();
  for (const Option& option : serve_options())
    EXPECT_NE(help.find("--" + std::string(option.name)), std::string::npos);
  EXPECT_NE(help.find("NAPARI_CUDA_STATE_PORT"), std::string::npos);
}

}  // namespace
}  // namespace napari::app
